// The frame's behaviour, loaded by every page.
import * as answers from "./answers.js";
import * as dialogs from "./dialogs.js";
import * as doing from "./doing.js";
import * as faults from "./faults.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as menus from "./menus.js";
import * as nav from "./nav.js";
import * as order from "./order.js";
import * as palette from "./palette.js";
import * as tips from "./tips.js";
import * as strength from "./strength.js";
import * as toasts from "./toasts.js";

live.start();
answers.start();
order.start();
doing.start();
dialogs.start();
menus.start();
nav.start();
palette.start();
strength.start();
tips.start();
toasts.start();
faults.start();
keys.start();

"""Templates can be found in the list, or left out: those of now are read out of their records."""

from importlib import import_module
from typing import Any

from django.db import migrations, models

sought = import_module("kvmweb.inventory.migrations.0004_guests_found_in_an_index")


def mark(apps: Any, _editor: Any) -> None:
    guests = apps.get_model("inventory", "Guest").objects
    there = guests.values_list("pk", "record").iterator()
    found = [pk for pk, record in there if record.get("template")]
    for start in range(0, len(found), 500):
        guests.filter(pk__in=found[start : start + 500]).update(is_template=True)


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_stored_definitions")]

    operations = [
        migrations.AddField(
            model_name="guest",
            name="is_template",
            field=models.BooleanField(default=False),
        ),
        migrations.RemoveIndex(model_name="guest", name="guest_counted"),
        migrations.AddIndex(
            model_name="guest",
            index=models.Index(
                fields=["is_gone", "host", "state", "is_template"], name="guest_counted_all"
            ),
        ),
        migrations.AddIndex(
            model_name="guest",
            index=models.Index(
                condition=models.Q(("is_template", True)),
                fields=["host", "uuid"],
                name="guest_template",
            ),
        ),
        migrations.RunPython(sought.make, migrations.RunPython.noop),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]

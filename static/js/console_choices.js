// How this browser likes its consoles: port, size, font, theme.

export const remembered = (name, otherwise) => localStorage.getItem(`kvmweb.console.${name}`) ?? otherwise;
export const remember = (name, value) => localStorage.setItem(`kvmweb.console.${name}`, value);

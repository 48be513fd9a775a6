// Gives an element its name. On a server there are no names, and of two copies on a page the first one keeps it.

export function define(name: string, element: CustomElementConstructor): void {
  const { customElements } = globalThis as { customElements?: CustomElementRegistry };
  if (customElements?.get(name) === undefined) customElements?.define(name, element);
}

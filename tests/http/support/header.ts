/** A header of a framework's own request, by its lower-case name: Node.js's in an object, the web's in `Headers`. */
export function headerOf(request: unknown, name: string): string | undefined {
  const { headers } = request as { headers: Headers | Record<string, string | undefined> };
  return headers instanceof Headers ? (headers.get(name) ?? undefined) : headers[name];
}

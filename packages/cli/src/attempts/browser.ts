/** A browser and its system in a few words, from the User-Agent header, which anybody can write as they like. */

/** The first that matches: most browsers name others besides themselves. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\b(OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bVersion\/.*Safari\//, 'Safari'],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\biPad\b/, 'iPadOS'],
  [/\b(iPhone|iPod)\b/, 'iOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b|\bX11\b/, 'Linux'],
];

/** `Chrome on Windows`; the program's own name where it is no known browser; `no browser named` without a header. */
export function browserOf(userAgent: string | null): string {
  const text = userAgent?.trim() ?? '';
  if (text === '') return 'no browser named';
  const named = (table: typeof BROWSERS) => table.find(([pattern]) => pattern.test(text))?.[1];
  const browser = named(BROWSERS) ?? text.split(/[/\s(;]/, 1)[0]!.slice(0, 32);
  const system = named(SYSTEMS);
  return system === undefined ? browser : `${browser} on ${system}`;
}

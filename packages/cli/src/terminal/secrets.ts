/** Hides passwords: those of a store's URL, and those of URLs and settings that stand in any text that is printed. */

/** Parameters of drivers that say where a store is and how it is reached. The value of any other one is hidden. */
const HARMLESS = new Set([
  ...['sslmode', 'host', 'port', 'user', 'username', 'db', 'dbname', 'database', 'schema', 'family', 'charset'],
  ...['application_name', 'client_encoding', 'connect_timeout', 'protocol', 'timezone'],
]);

/** The URL of a store as it may be shown: without its password, in whatever part a driver reads one. */
export function shownUrl(url: string): string {
  // A path of a file, with nothing to hide.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url) || url.startsWith('sqlite:')) return url;
  if (!URL.canParse(url)) return `${url.slice(0, url.indexOf(':'))}://***`;
  const { protocol, username, password, host, hostname, pathname, search } = new URL(url);
  // A password with an unencoded slash or hash: what looks like host and port are its user and its beginning.
  if (username === '' && password === '' && /@/.test(url)) return `${protocol}//${hostname}:***`;
  const account = username === '' && password === '' ? '' : `${username}${password === '' ? '' : ':***'}@`;
  return `${protocol}//${account}${host}${pathname.includes('@') ? '/***' : pathname}${hiddenQuery(search, isHarmless)}`;
}

/** Text without the passwords of the URLs and settings in it. */
export function withoutPasswords(text: string): string {
  return (
    text
      // What ends a sentence or a quotation is not part of the URL.
      .replaceAll(/([a-z][a-z0-9+.-]*):\/\/\S*[^\s'"`.,;)]/gi, (url, scheme: string) =>
        /^https?$/i.test(scheme) ? shownPage(url) : shownUrl(url),
      )
      // As in a connection string of libpq.
      .replaceAll(/\b(\w*(?:password|passwd|passphrase|pwd|secret))=(?!\*\*\*)('[^']*'|"[^"]*"|[^\s&;'"]+)/gi, '$1=***')
  );
}

/** The URL of a page: its paths and parameters are shown, as far as they are not called secrets. */
function shownPage(url: string): string {
  // A number up to a slash or the end is a port, and what follows a path.
  const account = url.replace(/^(https?:\/\/[^/:@?#]*):(?!\d{1,5}(?:[/?#]|$)).*@/i, '$1:***@');
  const start = account.indexOf('?');
  if (start < 0) return account;
  return account.slice(0, start) + hiddenQuery(account.slice(start), (name) => !isSecret(name));
}

const isHarmless = (name: string): boolean => HARMLESS.has(name.toLowerCase());
const isSecret = (name: string): boolean => /pass|pwd|secret|token|auth|credential|key/i.test(name);

function hiddenQuery(query: string, isShown: (name: string) => boolean): string {
  return query.replaceAll(/([?&;])([^=&;]*)=([^&;]*)/g, (whole, mark: string, name: string) =>
    isShown(decoded(name)) ? whole : `${mark}${name}=***`,
  );
}

/** Drivers decode names as well; one that cannot be decoded is hidden. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return 'password';
  }
}

// Addresses of gateways as people type them.

/** A name or an address. Browsers differ in what else they take for a host: one makes `a%20b` of `a b`. */
const host = /^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?|\[[0-9a-f:.]+\])$/;
const local = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;

/** The origin of a gateway, or null when `text` is none. HTTPS, save on this very machine. */
export function parseGateway(text: string): string | null {
  const typed = text.trim();
  let url: URL;
  try {
    url = new URL(/^https?:\/\//i.test(typed) ? typed : `https://${typed}`);
  } catch {
    return null;
  }
  const isBare = (url.pathname === "/" || url.pathname === "/ipfs/") && url.search === "" && url.hash === "";
  if (!isBare || url.username !== "" || url.password !== "" || !host.test(url.hostname)) return null;
  if (url.protocol === "http:" && !local.test(url.hostname)) return null;
  return url.origin;
}

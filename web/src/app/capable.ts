// What the vault cannot do without. Everything here is in browsers since 2023.

export function isCapable(): boolean {
  return (
    typeof WebAssembly === "object" &&
    typeof Worker === "function" &&
    typeof crypto.subtle === "object" &&
    typeof indexedDB === "object" &&
    typeof ReadableStream === "function" &&
    typeof Array.prototype.at === "function"
  );
}

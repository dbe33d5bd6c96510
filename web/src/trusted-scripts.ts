/**
 * Addresses of our own scripts as Trusted Types want them (CSP: require-trusted-types-for 'script'):
 * the only ones that a Worker may be started with, in the page and in the engine's worker alike.
 */
interface TrustedTypesFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): unknown };
}

/** Lets the addresses `own` through, under a policy of this name, and throws TypeError for any other. */
export function scriptPolicy(name: string, own: readonly string[]): (url: string) => string {
  const createScriptURL = (asked: string): string => {
    if (own.includes(asked)) return asked;
    throw new TypeError("This is no script of ours.");
  };
  let policy: ReturnType<TrustedTypesFactory["createPolicy"]> | undefined;
  return (url) => {
    const types = (globalThis as { trustedTypes?: TrustedTypesFactory }).trustedTypes;
    if (types === undefined) return createScriptURL(url);
    policy ??= types.createPolicy(name, { createScriptURL });
    return policy.createScriptURL(url) as string;
  };
}

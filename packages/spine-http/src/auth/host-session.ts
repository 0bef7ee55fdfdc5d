import type { Auth, Principal } from "./auth.ts";

/**
 * Knows callers by what the host has found out already: `read` gets the framework's own request, behind the host's middleware.
 *
 * @example
 * const auth = hostSession<{ user?: { name: string; isOperator: boolean } }>(({ user }) =>
 *   user ? { id: user.name, permissions: user.isOperator ? "operator" : "viewer" } : null,
 * );
 */
export function hostSession<Original>(
  read: (original: Original) => Principal | null | undefined | Promise<Principal | null | undefined>,
): Auth {
  return {
    async authenticate({ original }) {
      return (await read(original as Original)) ?? null;
    },
  };
}

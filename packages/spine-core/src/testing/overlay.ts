/** An object with some members replaced. All others are its own, called on itself, also those that its class hides. */
export function overlay<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy({} as T, {
    get(_, key) {
      if (Object.hasOwn(members, key)) return Reflect.get(members, key);
      const own: unknown = Reflect.get(target, key, target);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}

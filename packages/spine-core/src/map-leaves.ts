/**
 * A value with its texts and numbers mapped, wherever they stand; itself where nothing changes, so that what is no JSON
 * (dates, instances of classes) goes through as it is. Cycles stay cycles: who stores the value refuses them.
 */
export function mapLeaves(
  value: unknown,
  leaf: (value: string | number) => unknown,
  key: (key: string) => string = (text) => text,
  known = new Map<object, unknown>(),
): unknown {
  if (typeof value === "string" || typeof value === "number") return leaf(value);
  if (typeof value !== "object" || value === null) return value;
  if (known.has(value)) return known.get(value);
  known.set(value, value);
  const mapped = mapMembers(value, leaf, key, known);
  known.set(value, mapped);
  return mapped;
}

function mapMembers(
  value: object,
  leaf: (value: string | number) => unknown,
  key: (key: string) => string,
  known: Map<object, unknown>,
): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => mapLeaves(item, leaf, key, known));
    return items.every((item, index) => Object.is(item, value[index])) ? value : items;
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    const plain: unknown = toJSON.call(value);
    const mapped = mapLeaves(plain, leaf, key, known);
    return Object.is(mapped, plain) ? value : mapped;
  }
  let changed = false;
  const members = Object.entries(value).map(([name, member]) => {
    const pair = [key(name), mapLeaves(member, leaf, key, known)] as const;
    changed ||= pair[0] !== name || !Object.is(pair[1], member);
    return pair;
  });
  return changed ? Object.fromEntries(members) : value;
}

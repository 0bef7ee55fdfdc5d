/** Does something for the numbers from 0 to `count` - 1, with at most `inFlight` of them under way; as long as `goesOn` says so. */
export async function eachInFlight(
  count: number,
  inFlight: number,
  work: (index: number) => Promise<void>,
  goesOn: () => boolean = () => true,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count && goesOn()) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, inFlight) }, lane));
}

// Which two groups of the recovery code to ask for: by chance, so that nobody learns just the usual two.

const groupCount = 8;

/** Two different group numbers, 1 to 8, the smaller first. */
export function twoGroups(): [number, number] {
  const numbers = new Set<number>();
  while (numbers.size < 2) {
    const [byte = 0] = crypto.getRandomValues(new Uint8Array(1));
    numbers.add((byte % groupCount) + 1); // 256 is a multiple of 8: no group is likelier
  }
  const [a = 1, b = 2] = [...numbers].sort((x, y) => x - y);
  return [a, b];
}

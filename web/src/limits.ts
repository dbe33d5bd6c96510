/** Every limit of the formats: the one table that Python reads too (docs/spec/01). */
import table from "../../hygieia/limits.json";

export const LIMITS: Readonly<typeof table> = table;

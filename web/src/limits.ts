/** Every limit of the formats: the one table that Python reads too (FORMATS §0). */
import table from "../../hygieia/limits.json";

export const LIMITS: Readonly<typeof table> = table;

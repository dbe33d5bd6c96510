import { holdScenesToTheRules } from "./axe.ts";
import { desktop } from "./stage.ts";

holdScenesToTheRules(desktop);

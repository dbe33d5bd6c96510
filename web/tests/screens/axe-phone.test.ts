import { holdScenesToTheRules } from "./axe.ts";
import { phone } from "./stage.ts";

holdScenesToTheRules(phone);

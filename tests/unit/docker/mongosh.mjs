// Runs docker/mongodb.js as mongosh would, against a mongod that is only said to be there: standard
// input tells its state, standard output what was asked of it and how the script ended.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const [script] = process.argv.slice(2);
const state = JSON.parse(readFileSync(0, "utf8"));
const asked = [];

class Ended extends Error {}

function run(database, command) {
  asked.push({ database, ...command });
  if ("replSetGetStatus" in command && !state.initiated) {
    throw Object.assign(new Error("no replset config"), { codeName: state.refusal });
  }
  return { users: state.users };
}

const database = (name) => ({
  adminCommand: (command) => run("admin", command),
  createUser: (user) => run(name, { createUser: user }),
  getSiblingDB: database,
  hello: () => ({ isWritablePrimary: state.primary }),
  runCommand: (command) => run(name, command),
});

const shell = {
  connect: (address) => (asked.push({ connect: address }), database("admin")),
  decodeURIComponent,
  encodeURIComponent,
  fs: { readFileSync: (path) => state.secrets[path.replace("/run/secrets/", "")] + "\n" },
  quit: (code) => {
    asked.push({ quit: code });
    throw new Ended();
  },
};

try {
  vm.runInNewContext(readFileSync(script, "utf8"), shell);
} catch (error) {
  if (!(error instanceof Ended)) asked.push({ failed: error.message });
}
console.log(JSON.stringify(asked));

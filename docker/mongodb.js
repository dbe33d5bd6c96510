// Run by mongosh as the health check: makes of a new mongod what the vault needs, a replica set and
// the vault's own user, and ends with 0 once that is there. Repeating it changes nothing.

const NAME = "vault";

function secret(name) {
  return fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();
}

// The address that the server uses says who the vault's user is: mongodb://USER:PASSWORD@HOST/DATABASE
const [, user, password, host, database] = secret("documents").match(
  /^mongodb:\/\/([^:@/]+):([^:@/]+)@([^/@,]+)\/([^/?]+)/,
);
const root = encodeURIComponent(secret("mongodb-root"));
const admin = connect(
  `mongodb://root:${root}@${host}/admin?directConnection=true&serverSelectionTimeoutMS=3000`,
);

try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  admin.adminCommand({ replSetInitiate: { _id: NAME, members: [{ _id: 0, host }] } });
}

const vault = admin.getSiblingDB(database);
const account = decodeURIComponent(user);
if (vault.runCommand({ usersInfo: account }).users.length === 0) {
  if (!admin.hello().isWritablePrimary) quit(1); // the next check will find one
  vault.createUser({
    user: account,
    pwd: decodeURIComponent(password),
    roles: [{ role: "readWrite", db: database }],
  });
}
quit(0);

/** Whoever uses up the questions about her email holds up no browser that she has signed in on (docs/spec/09 §5). */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Browser, newEmail, signedUp } from "./running.ts";
import { networkFetch, PASSWORD, Server } from "./serving.ts";

let server: Server;
beforeAll(async () => {
  // Three questions about an email in the window.
  server = await Server.start({ HYGIEIA_SIGN_IN_ATTEMPTS_ACCOUNT: "1" });
});
afterAll(() => server.remove());

/** What anybody on her network can do; how the last question was answered. */
async function useUpQuestions(email: string): Promise<number> {
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email }) };
  let status = 0;
  for (let question = 0; question < 4; question++) {
    ({ status } = await networkFetch(`${server.origin}/api/v1/sign-in/parameters`, init));
  }
  return status;
}

it("a browser that was signed in asks once, and signs in by what it has pinned", async () => {
  const browser = new Browser(server);
  const email = newEmail();
  const page = await signedUp(browser, email);
  await page.engine.signOut();
  expect(await useUpQuestions(email)).toBe(429);
  const asked: string[] = [];
  browser.meddle = ({ method, url }) => {
    if (method === "POST") asked.push(new URL(url).pathname);
    return null;
  };
  await page.engine.signIn({ email, password: PASSWORD });
  expect(page.state.kind).toBe("open");
  expect(asked.slice(0, 2)).toEqual(["/api/v1/sign-in/parameters", "/api/v1/sessions"]);
});

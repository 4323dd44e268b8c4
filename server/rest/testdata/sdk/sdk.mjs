// Calls every document function of the unmodified frappe-js-sdk against a
// running service and ends with a count of what was checked.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { FrappeApp } = createRequire(import.meta.url)("frappe-js-sdk");
const { URL_OF_SERVICE: url, TOKEN: token } = process.env;
const app = (type, value = token) => new FrappeApp(url, { useToken: true, token: () => value, type });
const frappe = app("token");
const db = frappe.db();
let checked = 0;

async function check(what, fn) {
  try {
    await fn();
    checked++;
  } catch (e) {
    console.error(`FAILED: ${what}`, e);
    process.exitCode = 1;
  }
}

async function refused(promise, want) {
  let error;
  try {
    await promise;
  } catch (e) {
    error = e;
  }
  assert.ok(error, "it was not refused");
  assert.equal(error.httpStatus, want.status);
  assert.match(error.message, want.message);
  assert.match(error.exception, want.exception);
  assert.equal(error.exc_type, want.type);
  const [first] = JSON.parse(error._server_messages).map((m) => JSON.parse(m));
  assert.match(first.message, want.message);
  assert.equal(first.indicator, "red");
}

const names = ["plain", "A/1 ü", "/lead", "trail/", "100%", "a+b", "q?x=1&y#z", "日本 😀", `quo"te'`];

await check("auth", async () => assert.equal(await frappe.auth().getLoggedInUser(), "Administrator"));
await check("Bearer is the SDK's default", async () => {
  assert.equal(await app("Bearer").auth().getLoggedInUser(), "Administrator");
  assert.equal(await app(undefined).auth().getLoggedInUser(), "Administrator");
});

await check("createDoc of a DocType", async () => {
  const doc = await db.createDoc("DocType", {
    name: "Sales Item", autoname: "field:sku", open: 0,
    fields: ["sku", "color"].map((fieldname) => ({ fieldname })).concat([{ fieldname: "price", fieldtype: "Float" }, { fieldname: "rows", fieldtype: "Table" }]),
  });
  assert.equal(doc.name, "Sales Item");
  assert.equal(doc.doctype, "DocType");
});

for (const [i, name] of names.entries()) {
  await check(`a document called ${name}`, async () => {
    const made = await db.createDoc("Sales Item", { sku: name, price: i * 10, color: i % 2 ? "red" : "blue", rows: [{ n: 1 }] });
    assert.equal(made.name, name);
    assert.equal(made.doctype, "Sales Item");
    assert.equal(made.docstatus, 0);
    const read = await db.getDoc("Sales Item", name);
    assert.deepEqual(read, made);
    const changed = await db.updateDoc("Sales Item", name, { price: i * 10 + 1 });
    assert.equal(changed.price, i * 10 + 1);
    assert.equal(changed.color, made.color);
    assert.deepEqual(changed.rows, [{ n: 1 }]);
    const sent = await db.updateDoc("Sales Item", name, changed);
    assert.deepEqual(sent, changed);
  });
}

await check("getDocList", async () => {
  assert.deepEqual((await db.getDocList("Sales Item")).map((d) => d.name).sort(), [...names].sort());
  assert.equal((await db.getDocList("Sales Item", {})).length, names.length);
  assert.deepEqual(await db.getDocList("Sales Item", {
    fields: ["name", "price"], filters: [["color", "=", "red"], ["price", ">", 20]], orFilters: [["name", "like", "%/%"], ["price", "<", 60]],
    orderBy: { field: "price", order: "desc" }, limit: 2, limit_start: 0,
  }), [{ name: "a+b", price: 51 }, { name: "trail/", price: 31 }]);
  assert.deepEqual(await db.getDocList("Sales Item", {
    fields: ["name"], orderBy: { field: "price", order: "asc" }, limit: 2, limit_start: 1, asDict: false,
  }), [["A/1 ü"], ["/lead"]]);
  const [all] = await db.getDocList("Sales Item", { fields: ["*"], filters: [["name", "=", "plain"]] });
  assert.equal(all.color, "blue");
  for (const [operator, value, want] of [
    ["in", ["plain", "100%"], 2], ["not in", ["plain"], names.length - 1], ["!=", "plain", names.length - 1], ["between", ["a", "b"], 1], ["is", "set", names.length], ["not like", "%a%", 4],
  ]) {
    const found = await db.getDocList("Sales Item", { filters: [["sku", operator, value]] });
    assert.equal(found.length, want, `${operator} found ${JSON.stringify(found)}`);
  }
});

await check("getCount", async () => {
  assert.equal(await db.getCount("Sales Item"), names.length);
  assert.equal(await db.getCount("Sales Item", [["color", "=", "red"]]), 4);
  assert.equal(await db.getCount("Sales Item", [["color", "=", "red"]], true), 4);
});

await check("getLastDoc", async () => {
  assert.equal((await db.getLastDoc("Sales Item")).name, names.at(-1));
  assert.equal((await db.getLastDoc("Sales Item", { filters: [["color", "=", "red"]], orderBy: { field: "price", order: "asc" } })).name, "A/1 ü");
  assert.deepEqual(await db.getLastDoc("Sales Item", { filters: [["color", "=", "none"]] }), {});
});

await check("getValue and setValue", async () => {
  assert.deepEqual((await db.getValue("Sales Item", "price", [["name", "=", "A/1 ü"]])).message, { price: 11 });
  assert.deepEqual((await db.getValue("Sales Item", ["price", "color"], [["name", "=", "A/1 ü"]])).message, { price: 11, color: "red" });
  assert.equal((await db.setValue("Sales Item", "A/1 ü", "color", "green")).message.color, "green");
  assert.equal((await db.setValue("Sales Item", "A/1 ü", { color: "white", price: 7 })).message.price, 7);
  assert.equal((await db.getDoc("Sales Item", "A/1 ü")).color, "white");
});

await check("call", async () => {
  assert.equal((await frappe.call().get("frappe.client.get_count", { doctype: "Sales Item", filters: { color: "blue" } })).message, 5);
  assert.equal((await frappe.call().post("frappe.client.get_count", { doctype: "Sales Item" })).message, names.length);
  assert.equal((await frappe.call().get("ping")).message, "pong");
});

await check("errors", async () => {
  await refused(db.createDoc("Sales Item", { sku: "plain" }), { status: 409, type: "DuplicateEntryError", exception: /DuplicateEntryError/, message: /already exists/ });
  await refused(db.createDoc("Sales Item", { color: "x" }), { status: 409, type: "NameError", exception: /NameError/, message: /missing/ });
  await refused(db.createDoc("Sales Item", { sku: "x", weight: 1 }), { status: 417, type: "ValidationError", exception: /ValidationError/, message: /weight/ });
  await refused(db.getDoc("Sales Item", "none"), { status: 404, type: "DoesNotExistError", exception: /DoesNotExistError/, message: /not found/ });
  await refused(db.getDoc("No Such Type", "x"), { status: 404, type: "DoesNotExistError", exception: /DoesNotExistError/, message: /No Such Type/ });
  await refused(db.updateDoc("Sales Item", "plain", { sku: "other" }), { status: 417, type: "CannotChangeConstantError", exception: /Constant/, message: /cannot change/ });
  await refused(db.updateDoc("Sales Item", "plain", { modified: "2001-01-01 00:00:00.000000", price: 0 }), { status: 417, type: "TimestampMismatchError", exception: /Timestamp/, message: /modified after/ });
  await refused(db.getDocList("Sales Item", { filters: [["weight", "=", 1]] }), { status: 417, type: "ValidationError", exception: /Validation/, message: /weight/ });
  await refused(db.renameDoc("Sales Item", "plain", "simple"), { status: 417, type: "ValidationError", exception: /Validation/, message: /not supported/ });
  await refused(db.getSingleValue("Sales Item", "x"), { status: 417, type: "ValidationError", exception: /Validation/, message: /not supported/ });
  await refused(db.submit({ doctype: "Sales Item", name: "plain" }), { status: 417, type: "ValidationError", exception: /Validation/, message: /not supported/ });
  await refused(db.cancel("Sales Item", "plain"), { status: 417, type: "ValidationError", exception: /Validation/, message: /not supported/ });
  await refused(app("token", "wrong:token").db().getDoc("Sales Item", "plain"), { status: 401, type: "AuthenticationError", exception: /Authentication/, message: /wrong/ });
});

await check("deleteDoc", async () => {
  for (const name of names) {
    assert.deepEqual(await db.deleteDoc("Sales Item", name), { data: "ok", message: "ok" });
  }
  assert.equal(await db.getCount("Sales Item"), 0);
  await refused(db.deleteDoc("Sales Item", "plain"), { status: 404, type: "DoesNotExistError", exception: /DoesNotExist/, message: /not found/ });
});

console.log(`checked ${checked}`);

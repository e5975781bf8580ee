// Validates AuditEvents, one a line, with npm `fhir`: structure and bindings of R4. Says a line for each: what it found.
const { Fhir } = require("fhir");
const fhir = new Fhir();
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line);
for (const line of lines) {
  const found = fhir.validate(JSON.parse(line), { errorOnUnexpected: true });
  console.log(JSON.stringify(found.messages.map(({ severity, location, message }) => ({ severity, location, message }))));
}

// Reads syslog messages, each a line in base64, with npm `glossy`, as OpenHIM does. Says a line for each: what it read.
const glossy = require("glossy");
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line);
for (const line of lines) {
  glossy.Parse.parse(Buffer.from(line, "base64").toString("utf8"), (read) => console.log(JSON.stringify(read)));
}

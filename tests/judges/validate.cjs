// The report of the Khronos glTF validator on one file, as JSON on stdout.
const fs = require("fs");
const path = require("path");
const judges = path.join(__dirname, "..", "..", "build", "judges", "node_modules");
const validator = require(path.join(judges, "gltf-validator"));
validator
  .validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])), { maxIssues: 100 })
  .then((report) => process.stdout.write(JSON.stringify(report)))
  .catch((error) => {
    process.stderr.write(String(error));
    process.exit(1);
  });

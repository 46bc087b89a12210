// node compile.cjs FILE.sol...: compiles with npm solc and prints {contract: {abi, bytecode}} of these files as JSON.
// Imports are looked up next to the file that imports, in the npm packages here, and in the repository's folder contracts/.
const fs = require('fs'), path = require('path'), solc = require('solc');
const files = process.argv.slice(2);
const roots = [path.join(__dirname, 'node_modules'), path.resolve(__dirname, '..', '..', 'contracts')];
// A file is known to solc by its path relative to a root, or by its own name.
const sources = Object.fromEntries(files.map((file) => [path.basename(file), { content: fs.readFileSync(file, 'utf8') }]));
const neighbours = [...new Set(files.map((file) => path.dirname(file)))];
const input = {
  language: 'Solidity',
  sources,
  settings: {
    evmVersion: 'prague',
    optimizer: { enabled: true, runs: 200 },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  },
};
function found(name) {
  for (const folder of [...neighbours, ...roots]) {
    const file = path.join(folder, name);
    if (fs.existsSync(file)) return { contents: fs.readFileSync(file, 'utf8') };
  }
  return { error: `${name} is in none of the folders` };
}
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: found }));
const errors = (output.errors || []).filter((e) => e.severity === 'error');
if (errors.length) { console.error(errors.map((e) => e.formattedMessage).join('\n')); process.exit(1); }
const contracts = {};
for (const name of Object.keys(sources))
  for (const [contract, made] of Object.entries(output.contracts[name] ?? {}))
    contracts[contract] = { abi: made.abi, bytecode: '0x' + made.evm.bytecode.object };
process.stdout.write(JSON.stringify(contracts));

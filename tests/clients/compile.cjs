// node compile.cjs FILE.sol: compiles with npm solc and prints {contract: {abi, bytecode}} as JSON.
const fs = require('fs'), path = require('path'), solc = require('solc');
const file = process.argv[2], name = path.basename(file);
const input = {
  language: 'Solidity',
  sources: { [name]: { content: fs.readFileSync(file, 'utf8') } },
  settings: {
    evmVersion: 'prague',
    optimizer: { enabled: true, runs: 200 },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = (output.errors || []).filter((e) => e.severity === 'error');
if (errors.length) { console.error(errors.map((e) => e.formattedMessage).join('\n')); process.exit(1); }
const contracts = {};
for (const [contract, made] of Object.entries(output.contracts[name]))
  contracts[contract] = { abi: made.abi, bytecode: '0x' + made.evm.bytecode.object };
process.stdout.write(JSON.stringify(contracts));

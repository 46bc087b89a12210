// node compile.mjs FILE.sol: compiles with npm solc and prints {abi, bytecode} of the contract named as the file.
import fs from 'node:fs';
import path from 'node:path';
import solc from 'solc';

const file = process.argv[2];
const name = path.basename(file);
const imported = (wanted) => ({ contents: fs.readFileSync(new URL(`node_modules/${wanted}`, import.meta.url), 'utf8') });
const input = {
  language: 'Solidity',
  sources: { [name]: { content: fs.readFileSync(file, 'utf8') } },
  settings: {
    evmVersion: 'prague',
    optimizer: { enabled: true, runs: 200 },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: imported }));
const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
if (errors.length) throw new Error(errors.map((error) => error.formattedMessage).join('\n'));
const { abi, evm } = output.contracts[name][path.basename(name, '.sol')];
process.stdout.write(JSON.stringify({ abi, bytecode: `0x${evm.bytecode.object}` }));

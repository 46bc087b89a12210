// ERC-4337 0.8: packing, signing and sending user operations; shared by erc4337.mjs and eip7702.mjs.
import { Contract, TypedDataEncoder, concat, getCreate2Address, keccak256, toBeHex } from 'ethers';
import { artifact, chainId, check, deployer, mined, provider } from './protocol.mjs';

export const published = (name) => artifact(`@account-abstraction/contracts/artifacts/${name}.json`);

const CREATE2_DEPLOYER = '0x4e59b44847b379578588920cA78FbF26c0B4956C';
// The salt of the deployments on all public chains. The address follows from it and the bytecode, and Simple7702Account has it built in.
const SALT = '0x0a59dbff790c23c976a548690c27297883cc66b4c67024f9117b0238995e35e9';
const ENTRY_POINT = '0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108';
const OPERATION = { PackedUserOperation: [
  ['sender', 'address'], ['nonce', 'uint256'], ['initCode', 'bytes'], ['callData', 'bytes'], ['accountGasLimits', 'bytes32'],
  ['preVerificationGas', 'uint256'], ['gasFees', 'bytes32'], ['paymasterAndData', 'bytes'],
].map(([name, type]) => ({ name, type })) };

/** Where EntryPoint 0.8 is on every chain; deployed there by the CREATE2 deployer of the genesis if nobody has yet. */
export async function canonicalEntryPoint() {
  const { abi, bytecode } = published('EntryPoint');
  check('CREATE2 address of the entry point', getCreate2Address(CREATE2_DEPLOYER, SALT, keccak256(bytecode)), ENTRY_POINT);
  if ((await provider.getCode(ENTRY_POINT)) === '0x') {
    try {
      await mined(deployer.sendTransaction({ to: CREATE2_DEPLOYER, data: concat([SALT, bytecode]) }));
    } catch (error) {
      // Another script may have been faster: the CREATE2 deployer reverts on a second deployment.
      if (error.code !== 'CALL_EXCEPTION' || (await provider.getCode(ENTRY_POINT)) === '0x') throw error;
      deployer.reset(); // it counted a nonce for what the estimate refused, and all that follows would wait for that nonce
    }
  }
  return new Contract(ENTRY_POINT, abi, deployer);
}

const pair = (high, low) => concat([toBeHex(high, 16), toBeHex(low, 16)]);

/** A user operation that pays for itself; `fields` replace what is usual. */
export function operation(fields, { verificationGas = 400_000n, callGas = 300_000n, price = 2_000_000_000n } = {}) {
  return {
    nonce: 0n, initCode: '0x', callData: '0x', accountGasLimits: pair(verificationGas, callGas), preVerificationGas: 60_000n,
    gasFees: pair(price, price), paymasterAndData: '0x', signature: '0x', ...fields,
  };
}

/** The most the operation can cost: what must be in the deposit, or comes from the account. */
export function prefund({ accountGasLimits, preVerificationGas, gasFees }) {
  const [limits, fees] = [accountGasLimits, gasFees].map(BigInt);
  return ((limits >> 128n) + (limits & ((1n << 128n) - 1n)) + preVerificationGas) * (fees & ((1n << 128n) - 1n));
}

const domain = { name: 'ERC4337', version: '1', chainId, verifyingContract: ENTRY_POINT };

/** The hash that the entry point computes; `initCode` differs from the operation's for EIP-7702 accounts. */
export const operationHash = (made, initCode = made.initCode) => TypedDataEncoder.hash(domain, OPERATION, { ...made, initCode });

/** The operation with the owner's EIP-712 signature. */
export async function signed(made, owner, initCode = made.initCode) {
  return { ...made, signature: await owner.signTypedData(domain, OPERATION, { ...made, initCode }) };
}

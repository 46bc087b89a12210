// What the suites of token standards share: requests, exact checks of what they return, revert with and log, and a record of all answers.
// A suite runs on tokens of different makers; their records must be the same word for word, apart from addresses and gas.
import { AbiCoder, Contract, ContractFactory, Interface, NonceManager, toBeHex } from 'ethers';
import { actors, deployer, mined, provider, wallet } from '../protocol.mjs';

export const MOST = 2n ** 256n - 1n;
export const ZERO = '0x0000000000000000000000000000000000000000';
export const DEAD = '0x000000000000000000000000000000000000dEaD';
const GAS = 1_000_000n; // for a transaction that says nothing else: no estimate is asked for, so many can be sent at once
const CREATION_GAS = 3_000_000n;
const FEES = { type: 2, maxFeePerGas: 100_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
const SOLIDITY = new Interface(['error Error(string)', 'error Panic(uint256)']);

const bare = (hex) => hex.toLowerCase().replace(/^0x/, '');
const shown = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part));
const addressOf = (who) => who?.address ?? who?.target ?? who;
/** Arguments may hold actors and contracts in place of addresses. */
const plain = (value) => (Array.isArray(value) ? value.map(plain) : addressOf(value));

/** A call of `method` (a name or a signature) of `contract`, or of raw `data` if there is no method. */
export function ask(contract, method, args = [], { from = wallet.address, value = 0n, gas, data } = {}) {
  const encoded = data ?? contract.interface.encodeFunctionData(method, plain(args));
  return { contract, method, to: addressOf(contract), data: encoded, from, value, gas };
}

/** The creation of a contract of `made` ({abi, bytecode}). */
export async function creation(made, args) {
  const { data } = await new ContractFactory(made.abi, made.bytecode).getDeployTransaction(...plain(args));
  return { contract: { interface: new Interface(made.abi) }, to: null, data, from: wallet.address, value: 0n };
}

/** The data of a revert: a text, ['Panic', code], ['Error of the contract', ...arguments], or the data itself. */
export function revertData(contract, wanted) {
  if (Array.isArray(wanted)) {
    const [name, ...args] = plain(wanted);
    return name === 'Panic' ? SOLIDITY.encodeErrorResult(name, args) : contract.interface.encodeErrorResult(name, args);
  }
  return wanted.startsWith('0x') ? wanted.toLowerCase() : SOLIDITY.encodeErrorResult('Error', [wanted]);
}

/** What a call did: {returned} or {reverted}, as hexadecimal data. Anything else than a revert is thrown on. */
export async function outcome({ to, data, from, value, gas }) {
  const call = { to, data, from: addressOf(from), value: toBeHex(value).replace(/^0x0+(?=.)/, '0x') };
  if (gas !== undefined) call.gas = `0x${gas.toString(16)}`;
  try {
    return { returned: await provider.send('eth_call', [call, 'latest']) };
  } catch (error) {
    const told = error.info?.error ?? error.error;
    if (!/revert/.test(told?.message ?? '')) throw error;
    return { reverted: told.data ?? '0x' };
  }
}

export class Suite {
  constructor(name, target) {
    this.name = name;
    this.target = target;
    this.record = []; // [step, what happened]: the same for every maker of tokens
    this.own = []; // steps in which makers differ, and may
    this.gas = []; // [step, gas used]: reported only
    this.creator = target.creator; // msg.sender of a token's constructor
    this.names = new Map([[bare(this.creator), 'creator']]);
  }

  /** `value` (an address, or 32 bytes that differ from run to run and are not just a small number) is told as `label` in the record. */
  alias(label, value) {
    this.names.set(bare(addressOf(value)), label);
  }

  note(step, what) {
    console.log(`ok   ${this.target.name} ${this.name}: ${step}`);
    if (this.isApart) {
      this.own.push(step);
      return;
    }
    let text = shown(what).toLowerCase();
    for (const [hex, label] of this.names) text = text.replaceAll(hex, `<${label}>`);
    this.record.push([step, text]);
  }

  /** Steps of `body` are checked, but not compared with those of other makers. */
  async apart(body) {
    this.isApart = true;
    await body();
    this.isApart = false;
  }

  differs(step, got, wanted) {
    throw new Error(`${this.target.name} ${this.name}: ${step}: got ${shown(got)}, wanted ${shown(wanted)}`);
  }

  /** New accounts with `ether` each. */
  async actors(ether, ...labels) {
    const made = await actors(ether, ...labels.map((label) => `${this.target.name} ${this.name} ${label}`));
    return made.map((actor, index) => {
      actor.address = actor.signer.address;
      this.alias(labels[index], actor.address);
      return actor;
    });
  }

  /** A token of the maker. `logs` are the events that it must have logged itself, without the contract; null if they don't matter. */
  async token(label, kind, args, logs = null) {
    const request = await this.target.request(kind, args);
    const receipt = request && await mined(deployer.sendTransaction({ to: request.to, data: request.data, ...FEES, gasLimit: CREATION_GAS }));
    const contract = await this.target.made(kind, receipt);
    this.alias(label, contract.target);
    if (logs !== null) {
      const own = receipt.logs.filter((log) => log.address === contract.target);
      this.compareLogs(`creating ${label}`, own, logs.map((log) => [contract, ...log]));
    }
    return contract;
  }

  /** A helper contract compiled from this folder. */
  async helper(label, made, args = [], value = 0n, gasLimit = CREATION_GAS) {
    const request = await creation(made, args);
    const receipt = await mined(deployer.sendTransaction({ data: request.data, value, ...FEES, gasLimit }));
    const contract = new Contract(receipt.contractAddress, made.abi, deployer);
    this.alias(label, contract.target);
    return contract;
  }

  /** `wanted`: the list of values that must be returned, encoded exactly as Solidity does. */
  async returns(step, request, wanted) {
    const { returned, reverted } = await outcome(request);
    const { outputs } = request.contract.interface.getFunction(request.method);
    const data = AbiCoder.defaultAbiCoder().encode(outputs, plain(wanted));
    if (returned !== data) this.differs(step, returned ?? { reverted }, data);
    this.note(step, { returned });
  }

  /** The values a call returns, unrecorded. */
  async value(contract, method, args = [], options = {}) {
    const { returned, reverted } = await outcome(ask(contract, method, args, options));
    if (reverted !== undefined) this.differs(method, { reverted }, 'a value');
    return contract.interface.decodeFunctionResult(method, returned);
  }

  async reverts(step, request, wanted) {
    const { returned, reverted } = await outcome(request);
    const data = revertData(request.contract, wanted);
    if (reverted !== data) this.differs(step, reverted ?? { returned }, data);
    this.note(step, { reverted });
  }

  /** What a call did, whatever it was, recorded for the comparison. */
  async same(step, request) {
    const did = await outcome(request);
    this.note(step, did);
    return did;
  }

  sent({ to, data, from, value, gas }) {
    const signer = from instanceof NonceManager ? from : deployer;
    return mined(signer.sendTransaction({ to, data, value, ...FEES, gasLimit: gas ?? GAS }));
  }

  /** The transaction succeeds and logs exactly `logs`: [contract, event, ...arguments] in order. */
  async sends(step, request, logs) {
    const receipt = await this.sent(request);
    this.compareLogs(step, receipt.logs, logs);
    this.gas.push([step, receipt.gasUsed]);
    return receipt;
  }

  /** Several of `sends` at once: [step, request, logs]. Those of one sender keep their order, others are in any. */
  async all(...steps) {
    const receipts = await Promise.all(steps.map(([, request]) => this.sent(request)));
    steps.forEach(([step, , logs], index) => {
      this.compareLogs(step, receipts[index].logs, logs);
      this.gas.push([step, receipts[index].gasUsed]);
    });
    return receipts;
  }

  /** The transaction is in a block with status 0 and without logs. */
  async fails(step, request) {
    try {
      await this.sent(request);
    } catch (error) {
      if (error.code !== 'CALL_EXCEPTION' || !error.receipt) throw error;
      if (error.receipt.logs.length !== 0) this.differs(step, error.receipt.logs, []);
      this.note(step, 'failed in a block');
      return error.receipt;
    }
    return this.differs(step, 'success', 'a failed transaction');
  }

  compareLogs(step, logs, wanted) {
    const got = logs.map(({ address, topics, data }) => ({ address: address.toLowerCase(), topics: [...topics], data }));
    const expected = wanted.map(([contract, name, ...args]) => {
      const { topics, data } = contract.interface.encodeEventLog(name, plain(args));
      return { address: contract.target.toLowerCase(), topics, data };
    });
    if (shown(got) !== shown(expected)) this.differs(step, got, expected);
    this.note(step, got);
  }

  check(step, got, wanted) {
    if (shown(got) !== shown(wanted)) this.differs(step, got, wanted);
    this.note(step, 'as wanted');
  }
}

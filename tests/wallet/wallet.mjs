// The wallet's half outside the page: keys, networks, permissions and the user, who says yes unless told otherwise.
// It never speaks to a node: inpage.js does, from inside the page.
import fs from 'node:fs';
import { keccak256, recoverMessageAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

const INPAGE = fs.readFileSync(new URL('inpage.js', import.meta.url), 'utf8');
const MAX_SAFE_CHAIN_ID = 4503599627370476n; // MetaMask's: above it EIP-155's v is no safe integer

class WalletError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const invalid = (message) => new WalletError(-32602, message);

export class Wallet {
  #pages;
  #permitted = new Map(); // origin -> addresses
  #signed = new Map(); // address -> nonces given out
  #rejections = [];

  constructor(keys) {
    this.accounts = keys.map((key) => privateKeyToAccount(key));
    this.selected = this.accounts[0].address.toLowerCase();
    this.chains = new Map([['0x1', { chainName: 'Ethereum', rpcUrls: [] }]]); // known, but nothing is behind it
    this.chainId = '0x1';
    this.connected = true;
    this.questions = []; // what the user was asked
    this.sent = []; // hashes of what was signed
  }

  /** Puts the wallet into every page of a browser context. */
  async attach(context) {
    this.#pages = () => context.pages();
    await context.exposeBinding('walletAsk', async ({ frame }, method, params) => {
      try {
        return { result: await this.#handle(new URL(frame.url()).origin, method, params) };
      } catch (error) {
        return { error: { code: error.code ?? -32603, message: error.message } };
      }
    });
    await context.addInitScript(INPAGE);
  }

  /** The user will say no to the next question of this kind. */
  rejectNext(kind) {
    this.#rejections.push(kind);
  }

  async selectAccount(index) {
    this.selected = this.accounts[index].address.toLowerCase();
    await this.#accountsChanged();
  }

  async setConnected(connected) {
    this.connected = connected;
    if (connected) await this.#tell('connect', { chainId: this.chainId });
    else await this.#tell('disconnect', { code: 4900, message: 'The wallet lost its connection.' });
  }

  #state() {
    return { chainId: this.chainId, rpcUrl: this.chains.get(this.chainId).rpcUrls[0], connected: this.connected };
  }

  async #tell(event, value, pages = this.#pages()) {
    for (const page of pages)
      await page.evaluate(
        ([changes, name, told]) => window.walletChanged?.(changes, name, told),
        [this.#state(), event, value],
      );
  }

  async #accountsChanged() {
    for (const page of this.#pages()) {
      const origin = new URL(page.url()).origin;
      if (this.#permitted.has(origin)) await this.#tell('accountsChanged', this.#accountsOf(origin), [page]);
    }
  }

  /** The addresses that a page may see, the selected one first. */
  #accountsOf(origin) {
    const permitted = this.#permitted.get(origin) ?? [];
    return [...permitted].sort((a, b) => (b === this.selected) - (a === this.selected));
  }

  #confirm(kind, origin, detail) {
    this.questions.push({ kind, origin, detail });
    const position = this.#rejections.indexOf(kind);
    if (position < 0) return;
    this.#rejections.splice(position, 1);
    throw new WalletError(4001, 'User rejected the request.');
  }

  #account(origin, address) {
    const wanted = String(address).toLowerCase();
    const account = this.accounts.find((known) => known.address.toLowerCase() === wanted);
    if (!account || !this.#accountsOf(origin).includes(wanted))
      throw new WalletError(4100, 'The requested account has not been authorized by the user.');
    return account;
  }

  #permissions(origin) {
    const value = this.#accountsOf(origin);
    if (!value.length) return [];
    const caveats = [{ type: 'restrictReturnedAccounts', value }];
    return [{ invoker: origin, parentCapability: 'eth_accounts', caveats }];
  }

  /** Asks the user whether the page may see the accounts. */
  #connect(origin) {
    this.#confirm('connect', origin);
    this.#permitted.set(origin, this.accounts.map((account) => account.address.toLowerCase()));
  }

  async #handle(origin, method, params) {
    const handler = this.#methods[method];
    if (!handler) throw new WalletError(4200, `The wallet does not support ${method}.`);
    return handler(origin, ...params);
  }

  #methods = {
    state: () => this.#state(),
    checkAccount: (origin, address) => void this.#account(origin, address),
    eth_accounts: (origin) => this.#accountsOf(origin),
    eth_requestAccounts: async (origin) => {
      if (!this.#permitted.has(origin)) this.#connect(origin);
      await this.#accountsChanged();
      return this.#accountsOf(origin);
    },
    wallet_getPermissions: (origin) => this.#permissions(origin),
    wallet_requestPermissions: async (origin, wanted) => {
      if (!wanted?.eth_accounts) throw invalid('only eth_accounts can be asked for');
      this.#connect(origin);
      await this.#accountsChanged();
      return this.#permissions(origin);
    },
    wallet_revokePermissions: async (origin) => {
      this.#permitted.set(origin, []);
      await this.#accountsChanged();
      this.#permitted.delete(origin);
      return null;
    },
    checkChain: (origin, chain) => {
      const { chainId, chainName, rpcUrls, nativeCurrency, blockExplorerUrls: _explorer, iconUrls: _icon, ...unknown } = chain ?? {};
      if (Object.keys(unknown).length) throw invalid(`Received unexpected keys on object parameter. Unsupported keys:\n${Object.keys(unknown)}`);
      if (!/^0x[1-9a-f][0-9a-f]*$/.test(chainId) || BigInt(chainId) > MAX_SAFE_CHAIN_ID)
        throw invalid(`Expected 0x-prefixed, unpadded, non-zero hexadecimal string 'chainId'. Received: ${chainId}`);
      if (!chainName) throw invalid("Expected non-empty string 'chainName'.");
      if (!/^.{1,6}$/.test(nativeCurrency?.symbol) || nativeCurrency.decimals !== 18)
        throw invalid("Expected 18 decimals and a 1-6 character string 'nativeCurrency.symbol'.");
      const safe = (url) => url.protocol === 'https:' || ['127.0.0.1', 'localhost'].includes(url.hostname);
      if (!Array.isArray(rpcUrls) || !rpcUrls.length || !rpcUrls.every((url) => safe(new URL(url))))
        throw invalid("Expected an array with at least one valid string HTTPS url 'rpcUrls'.");
    },
    // MetaMask also offers to switch at once; here a page has to ask, as EIP-3085 tells pages to expect.
    wallet_addEthereumChain: (origin, chain) => {
      if (this.chains.has(chain.chainId)) return null;
      this.#confirm('addChain', origin, chain);
      this.chains.set(chain.chainId, chain);
      return null;
    },
    wallet_switchEthereumChain: async (origin, { chainId }) => {
      if (!this.chains.has(chainId))
        throw new WalletError(4902, `Unrecognized chain ID "${chainId}". Try adding the chain using wallet_addEthereumChain first.`);
      if (chainId === this.chainId) return null;
      this.#confirm('switchChain', origin, chainId);
      this.chainId = chainId;
      await this.#tell('chainChanged', chainId);
      return null;
    },
    personal_sign: (origin, message, address) => {
      const account = this.#account(origin, address);
      this.#confirm('signMessage', origin, message);
      return account.signMessage({ message: { raw: message } });
    },
    personal_ecRecover: async (origin, message, signature) =>
      (await recoverMessageAddress({ message: { raw: message }, signature })).toLowerCase(),
    eth_signTypedData_v4: (origin, address, text) => {
      const account = this.#account(origin, address);
      const typed = typeof text === 'string' ? JSON.parse(text) : text;
      const chainId = typed.domain?.chainId;
      if (chainId !== undefined && BigInt(chainId) !== BigInt(this.chainId))
        throw invalid(`Provided chainId "${chainId}" must match the active chainId "${BigInt(this.chainId)}"`);
      this.#confirm('signTypedData', origin, typed);
      return account.signTypedData(typed);
    },
    signTransaction: async (origin, filled, networkNonce) => {
      const account = this.#account(origin, filled.from);
      const { chainId, gas, type, to, data } = filled;
      if (chainId !== this.chainId) throw invalid('the network changed in between');
      this.#confirm('transaction', origin, filled);
      const taken = this.#signed.get(account.address) ?? new Set();
      let nonce = Number(networkNonce);
      while (taken.has(nonce)) nonce += 1;
      this.#signed.set(account.address, taken.add(nonce));
      const fees = Object.fromEntries(
        ['gasPrice', 'maxFeePerGas', 'maxPriorityFeePerGas'].filter((name) => filled[name]).map((name) => [name, BigInt(filled[name])]),
      );
      const raw = await account.signTransaction({
        type: type === '0x0' ? 'legacy' : 'eip1559', chainId: Number(chainId), nonce, gas: BigInt(gas), to, data,
        value: BigInt(filled.value), ...fees,
      });
      this.sent.push(keccak256(raw));
      return { raw, nonce };
    },
    forgetTransaction: (origin, address, nonce) => void this.#signed.get(this.#account(origin, address).address)?.delete(nonce),
  };
}

import { defineConfig } from "hardhat/config";
import hardhatToolboxMochaEthers from "@nomicfoundation/hardhat-toolbox-mocha-ethers";

// The compiler comes from npm, because this project must build without a network; a user leaves `path` out.
export default defineConfig({
  plugins: [hardhatToolboxMochaEthers],
  solidity: { version: "0.8.37", path: process.env.SOLC, settings: { evmVersion: "prague" } },
  networks: {
    aurigraph: { type: "http", chainType: "l1", url: process.env.NODE_URL ?? "http://127.0.0.1:8545" },
  },
});

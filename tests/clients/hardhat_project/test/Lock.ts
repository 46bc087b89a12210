// What Hardhat's own sample test does, and every helper of hardhat-network-helpers.
import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create("aurigraph");
const YEAR = 365 * 24 * 60 * 60;

describe("Lock", function () {
  async function deployed() {
    const unlockTime = (await networkHelpers.time.latest()) + YEAR;
    const [owner, other] = await ethers.getSigners();
    const lock = await ethers.deployContract("Lock", [unlockTime], { value: 1000n });
    return { lock, unlockTime, owner, other };
  }

  it("has the time, the owner and the coins", async function () {
    const { lock, unlockTime, owner } = await networkHelpers.loadFixture(deployed);
    expect(await lock.unlockTime()).to.equal(unlockTime);
    expect(await lock.owner()).to.equal(owner.address);
    expect(await ethers.provider.getBalance(lock)).to.equal(1000n);
  });

  it("refuses a time that has passed", async function () {
    const latest = await networkHelpers.time.latest();
    await expect(ethers.deployContract("Lock", [latest], { value: 1n })).to.be.revertedWith(
      "Unlock time should be in the future",
    );
  });

  it("refuses too early", async function () {
    const { lock } = await networkHelpers.loadFixture(deployed);
    await expect(lock.withdraw()).to.be.revertedWith("You can't withdraw yet");
  });

  it("refuses strangers with a custom error, after time has passed", async function () {
    const { lock, unlockTime, other } = await networkHelpers.loadFixture(deployed);
    await networkHelpers.time.increaseTo(unlockTime);
    await expect(lock.connect(other).withdraw()).to.be.revertedWithCustomError(lock, "NotOwner").withArgs(other.address);
  });

  it("pays the owner and tells", async function () {
    const { lock, unlockTime, owner } = await networkHelpers.loadFixture(deployed);
    await networkHelpers.time.increaseTo(unlockTime);
    await expect(lock.withdraw()).to.emit(lock, "Withdrawal");
    const again = await networkHelpers.loadFixture(deployed);
    await networkHelpers.time.increaseTo(again.unlockTime);
    await expect(again.lock.withdraw()).to.changeEtherBalances(ethers, [owner, again.lock], [1000n, -1000n]);
  });
});

describe("the helpers", function () {
  const stranger = "0x00000000000000000000000000000000000057a6";

  it("mine blocks and move time", async function () {
    const before = await networkHelpers.time.latestBlock();
    await networkHelpers.mine(100, { interval: 60 });
    expect(await networkHelpers.time.latestBlock()).to.equal(before + 100);
    await networkHelpers.mineUpTo(before + 110);
    expect(await networkHelpers.time.latestBlock()).to.equal(before + 110);
    const time = await networkHelpers.time.latest();
    await networkHelpers.time.increase(3600);
    expect(await networkHelpers.time.latest()).to.be.at.least(time + 3600);
    await networkHelpers.time.setNextBlockTimestamp(time + 10_000);
    await networkHelpers.mine();
    expect(await networkHelpers.time.latest()).to.equal(time + 10_000);
  });

  it("set accounts", async function () {
    await networkHelpers.setBalance(stranger, 10n ** 20n);
    expect(await ethers.provider.getBalance(stranger)).to.equal(10n ** 20n);
    await networkHelpers.setNonce(stranger, 7);
    expect(await ethers.provider.getTransactionCount(stranger)).to.equal(7);
    await networkHelpers.setStorageAt(stranger, 3, 42);
    expect(BigInt(await networkHelpers.getStorageAt(stranger, 3))).to.equal(42n);
  });

  it("impersonate an account", async function () {
    await networkHelpers.setBalance(stranger, 10n ** 20n);
    await networkHelpers.impersonateAccount(stranger);
    const signer = await ethers.getSigner(stranger);
    const [, receiver] = await ethers.getSigners();
    const receipt = await (await signer.sendTransaction({ to: receiver.address, value: 5n })).wait();
    expect(receipt?.status).to.equal(1);
    expect(receipt?.from.toLowerCase()).to.equal(stranger);
    await networkHelpers.stopImpersonatingAccount(stranger);
  });

  it("set code, fees, coinbase and randomness of the next block", async function () {
    const code = "0x600a60005260206000f3"; // returns 10
    await networkHelpers.setCode("0x000000000000000000000000000000000000c0de", code);
    expect(await ethers.provider.call({ to: "0x000000000000000000000000000000000000c0de" })).to.equal(
      ethers.zeroPadValue("0x0a", 32),
    );
    await networkHelpers.setNextBlockBaseFeePerGas(2_000_000_000n);
    await networkHelpers.setCoinbase(stranger);
    await networkHelpers.setPrevRandao(99n);
    await networkHelpers.mine();
    const block = await ethers.provider.getBlock("latest");
    const { mixHash } = await ethers.provider.send("eth_getBlockByNumber", ["latest", false]);
    expect(block?.baseFeePerGas).to.equal(2_000_000_000n);
    expect(block?.miner.toLowerCase()).to.equal(stranger);
    expect(BigInt(mixHash)).to.equal(99n);
  });

  it("take snapshots", async function () {
    const snapshot = await networkHelpers.takeSnapshot();
    const before = await networkHelpers.time.latestBlock();
    await networkHelpers.setBalance(stranger, 1n);
    await networkHelpers.mine(5);
    await snapshot.restore();
    expect(await networkHelpers.time.latestBlock()).to.equal(before);
    expect(await ethers.provider.getBalance(stranger)).to.not.equal(1n);
  });

  it("drop a transaction", async function () {
    await ethers.provider.send("evm_setAutomine", [false]);
    const [sender] = await ethers.getSigners();
    const sent = await sender.sendTransaction({ to: stranger, value: 1n });
    await networkHelpers.dropTransaction(sent.hash);
    await networkHelpers.mine();
    await ethers.provider.send("evm_setAutomine", [true]);
    expect(await ethers.provider.getTransactionReceipt(sent.hash)).to.equal(null);
  });
});

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

// What OpenZeppelin's wizard writes for the options of the token factory's templates, with their constructors.
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Burnable} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Burnable.sol";
import {ERC1155Pausable} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Pausable.sol";
import {ERC1155Supply} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Supply.sol";
import {ERC1155URIStorage} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155URIStorage.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Burnable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Burnable.sol";
import {ERC721Enumerable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {ERC721Pausable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Pausable.sol";
import {ERC721Royalty} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Royalty.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {ERC721Votes} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Votes.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

abstract contract Decimals is ERC20 {
    uint8 private immutable digits;

    constructor(uint8 digits_) {
        digits = digits_;
    }

    function decimals() public view virtual override returns (uint8) {
        return digits;
    }
}

contract OzFixed is Decimals, ERC20Permit {
    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 supply, address owner)
        ERC20(name_, symbol_) Decimals(decimals_) ERC20Permit(name_)
    {
        _mint(owner, supply);
    }

    function decimals() public view override(ERC20, Decimals) returns (uint8) {
        return super.decimals();
    }
}

abstract contract MintersAndPausers is ERC20Pausable, AccessControl {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
        _grantRole(MINTER_ROLE, admin);
    }

    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        _mint(to, amount);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }
}

contract OzMintable is Decimals, ERC20Burnable, ERC20Permit, MintersAndPausers {
    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 supply, address admin)
        ERC20(name_, symbol_) Decimals(decimals_) ERC20Permit(name_) MintersAndPausers(admin)
    {
        _mint(admin, supply);
    }

    function decimals() public view override(ERC20, Decimals) returns (uint8) {
        return super.decimals();
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Pausable) {
        super._update(from, to, value);
    }
}

contract OzCapped is Decimals, ERC20Burnable, ERC20Capped, ERC20Permit, Ownable {
    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 cap_, uint256 supply, address owner)
        ERC20(name_, symbol_) Decimals(decimals_) ERC20Capped(cap_) ERC20Permit(name_) Ownable(owner)
    {
        _mint(owner, supply);
    }

    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    function decimals() public view override(ERC20, Decimals) returns (uint8) {
        return super.decimals();
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Capped) {
        super._update(from, to, value);
    }
}

contract OzVotes is ERC20Burnable, Ownable, ERC20Permit, ERC20Votes {
    constructor(string memory name_, string memory symbol_, uint256 supply, address owner)
        ERC20(name_, symbol_) ERC20Permit(name_) Ownable(owner)
    {
        _mint(owner, supply);
    }

    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}

contract OzFull is MintersAndPausers, ERC20Permit, ERC20Votes, ERC20Capped, ERC20Burnable, Decimals {
    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 cap_, uint256 supply, address admin)
        ERC20(name_, symbol_) Decimals(decimals_) ERC20Capped(cap_) ERC20Permit(name_) MintersAndPausers(admin)
    {
        _mint(admin, supply);
    }

    function decimals() public view override(ERC20, Decimals) returns (uint8) {
        return super.decimals();
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value)
        internal override(ERC20, ERC20Capped, ERC20Pausable, ERC20Votes)
    {
        super._update(from, to, value);
    }
}

abstract contract Numbered is ERC721 {
    string private base;
    uint256 private nextTokenId;

    constructor(string memory base_) {
        base = base_;
    }

    function _baseURI() internal view virtual override returns (string memory) {
        return base;
    }

    function takeNumber() internal returns (uint256) {
        return nextTokenId++;
    }
}

contract OzCollection is Numbered, ERC721URIStorage, ERC721Pausable, AccessControl, ERC721Burnable {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    constructor(string memory name_, string memory symbol_, string memory base_, address admin)
        ERC721(name_, symbol_) Numbered(base_)
    {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
        _grantRole(MINTER_ROLE, admin);
    }

    /// Unlike the wizard's, it knows the URI when the receiver is called.
    function safeMint(address to, string calldata uri) external onlyRole(MINTER_ROLE) returns (uint256 tokenId) {
        tokenId = takeNumber();
        _setTokenURI(tokenId, uri);
        _safeMint(to, tokenId);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    function supportsInterface(bytes4 interfaceId) public view override(ERC721, ERC721URIStorage, AccessControl) returns (bool) {
        return super.supportsInterface(interfaceId);
    }

    function tokenURI(uint256 tokenId) public view override(ERC721, ERC721URIStorage) returns (string memory) {
        return super.tokenURI(tokenId);
    }

    function _baseURI() internal view override(ERC721, Numbered) returns (string memory) {
        return super._baseURI();
    }

    function _update(address to, uint256 tokenId, address auth)
        internal override(ERC721, ERC721Pausable) returns (address)
    {
        return super._update(to, tokenId, auth);
    }
}

contract OzRoyaltyCollection is Numbered, ERC721Enumerable, ERC721Royalty, Ownable, ERC721Burnable {
    constructor(string memory name_, string memory symbol_, string memory base_, address receiver, uint96 royalty, address owner)
        ERC721(name_, symbol_) Numbered(base_) Ownable(owner)
    {
        _setDefaultRoyalty(receiver, royalty);
    }

    function safeMint(address to) external onlyOwner returns (uint256 tokenId) {
        tokenId = takeNumber();
        _safeMint(to, tokenId);
    }

    function setDefaultRoyalty(address receiver, uint96 feeNumerator) external onlyOwner {
        _setDefaultRoyalty(receiver, feeNumerator);
    }

    function deleteDefaultRoyalty() external onlyOwner {
        _deleteDefaultRoyalty();
    }

    function setTokenRoyalty(uint256 tokenId, address receiver, uint96 feeNumerator) external onlyOwner {
        _setTokenRoyalty(tokenId, receiver, feeNumerator);
    }

    function resetTokenRoyalty(uint256 tokenId) external onlyOwner {
        _resetTokenRoyalty(tokenId);
    }

    function supportsInterface(bytes4 interfaceId) public view override(ERC721, ERC721Enumerable, ERC721Royalty) returns (bool) {
        return super.supportsInterface(interfaceId);
    }

    function _baseURI() internal view override(ERC721, Numbered) returns (string memory) {
        return super._baseURI();
    }

    function _increaseBalance(address account, uint128 value) internal override(ERC721, ERC721Enumerable) {
        super._increaseBalance(account, value);
    }

    function _update(address to, uint256 tokenId, address auth)
        internal override(ERC721, ERC721Enumerable) returns (address)
    {
        return super._update(to, tokenId, auth);
    }
}

contract OzMembership is Numbered, Ownable, ERC721Burnable, ERC721Votes {
    constructor(string memory name_, string memory symbol_, string memory base_, address owner)
        ERC721(name_, symbol_) Numbered(base_) Ownable(owner) EIP712(name_, "1")
    {}

    function safeMint(address to) external onlyOwner returns (uint256 tokenId) {
        tokenId = takeNumber();
        _safeMint(to, tokenId);
    }

    function _baseURI() internal view override(ERC721, Numbered) returns (string memory) {
        return super._baseURI();
    }

    function _increaseBalance(address account, uint128 value) internal override(ERC721, ERC721Votes) {
        super._increaseBalance(account, value);
    }

    function _update(address to, uint256 tokenId, address auth)
        internal override(ERC721, ERC721Votes) returns (address)
    {
        return super._update(to, tokenId, auth);
    }
}

contract OzMultiToken is ERC1155, AccessControl, ERC1155Pausable, ERC1155Burnable, ERC1155Supply, ERC1155URIStorage {
    bytes32 public constant URI_SETTER_ROLE = keccak256("URI_SETTER_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");

    constructor(string memory uri_, address admin) ERC1155(uri_) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(URI_SETTER_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
        _grantRole(MINTER_ROLE, admin);
    }

    function setURI(string calldata newuri) external onlyRole(URI_SETTER_ROLE) {
        _setURI(newuri);
    }

    function setTokenURI(uint256 id, string calldata tokenURI) external onlyRole(URI_SETTER_ROLE) {
        _setURI(id, tokenURI);
    }

    function mint(address account, uint256 id, uint256 amount, bytes calldata data) external onlyRole(MINTER_ROLE) {
        _mint(account, id, amount, data);
    }

    function mintBatch(address to, uint256[] calldata ids, uint256[] calldata amounts, bytes calldata data)
        external onlyRole(MINTER_ROLE)
    {
        _mintBatch(to, ids, amounts, data);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    function supportsInterface(bytes4 interfaceId) public view override(ERC1155, AccessControl) returns (bool) {
        return super.supportsInterface(interfaceId);
    }

    function uri(uint256 id) public view override(ERC1155, ERC1155URIStorage) returns (string memory) {
        return super.uri(id);
    }

    function _update(address from, address to, uint256[] memory ids, uint256[] memory values)
        internal override(ERC1155, ERC1155Pausable, ERC1155Supply)
    {
        super._update(from, to, ids, values);
    }
}

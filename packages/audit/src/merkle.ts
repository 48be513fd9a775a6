/**
 * Merkle trees over the lines between two checkpoints, as RFC 9162 §2.1 defines them (SHA-256): one line is proved by its
 * path to the root, and the lines beside it are not shown.
 */
import { hash } from 'node:crypto';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');

export const leafOf = (content: Uint8Array): Buffer => sha256(LEAF, content);
const nodeOf = (left: Uint8Array, right: Uint8Array): Buffer => sha256(NODE, left, right);

/** A tree that grows by one leaf at a time and keeps nothing but the roots of its full parts. */
export interface MerkleTree {
  readonly size: number;
  add(leaf: Buffer): void;
  /** Hex. The root of an empty tree is the hash of nothing. */
  root(): string;
}

export function merkleTree(): MerkleTree {
  /** Roots of the full parts, the largest first. */
  const parts: Buffer[] = [];
  let size = 0;
  return {
    get size() {
      return size;
    },
    add(leaf) {
      let part = leaf;
      // As many full parts are joined as the size ends in ones.
      for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) part = nodeOf(parts.pop()!, part);
      parts.push(part);
      size += 1;
    },
    root: () => rootOf(parts).toString('hex'),
  };
}

function rootOf(parts: readonly Buffer[]): Buffer {
  const last = parts.at(-1);
  return last === undefined ? sha256() : parts.slice(0, -1).reduceRight((right, left) => nodeOf(left, right), last);
}

/** The hashes (hex) that lead from a leaf to the root, from below (RFC 9162 §2.1.3.1). */
export function pathOf(leaves: readonly Buffer[], index: number): string[] {
  if (leaves.length <= 1) return [];
  const half = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  const [inside, beside, at] = index < half ? [left, right, index] : [right, left, index - half];
  return [...pathOf(inside, at), treeRoot(beside)];
}

function treeRoot(leaves: readonly Buffer[]): string {
  const tree = merkleTree();
  for (const leaf of leaves) tree.add(leaf);
  return tree.root();
}

/** Whether a leaf is at this place of the tree with this root (RFC 9162 §2.1.3.2). */
export function isInTree(
  leaf: Buffer,
  { index, size, path, root }: { index: number; size: number; path: readonly string[]; root: string },
): boolean {
  if (!(index >= 0 && index < size)) return false;
  let [at, last, node] = [index, size - 1, leaf];
  for (const step of path) {
    if (last === 0) return false;
    const beside = Buffer.from(step, 'hex');
    if (at % 2 === 1 || at === last) {
      node = nodeOf(beside, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      node = nodeOf(node, beside);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && node.toString('hex') === root;
}

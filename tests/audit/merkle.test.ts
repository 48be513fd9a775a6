/** The trees are those of RFC 9162: held against the test vectors that Certificate Transparency publishes. */
import { expect, test } from 'vitest';
import { isInTree, leafOf, merkleTree, pathOf } from '../../packages/audit/src/merkle.ts';

/** From google/certificate-transparency, merkletree/merkle_tree_test.cc: leaves, and the root after each. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leaves = LEAVES.map((leaf) => leafOf(Buffer.from(leaf, 'hex')));

test('roots and paths are those of the published vectors', () => {
  const tree = merkleTree();
  for (const [at, leaf] of leaves.entries()) {
    tree.add(leaf);
    expect([tree.size, tree.root()]).toEqual([at + 1, ROOTS[at]]);
    const size = at + 1;
    for (let index = 0; index < size; index += 1) {
      const path = pathOf(leaves.slice(0, size), index);
      expect(isInTree(leaves[index]!, { index, size, path, root: ROOTS[at]! })).toBe(true);
      for (const other of leaves.keys()) {
        if (other !== index) expect(isInTree(leaves[other]!, { index, size, path, root: ROOTS[at]! })).toBe(false);
      }
      expect(isInTree(leaves[index]!, { index: size, size, path, root: ROOTS[at]! })).toBe(false);
      expect(isInTree(leaves[index]!, { index, size, path: [...path, path[0] ?? ROOTS[0]!], root: ROOTS[at]! })).toBe(
        false,
      );
    }
  }
});

//! The hash tree of RFC 9162 §2.1, over BLAKE3: the root of leaves' hashes, and the path from one leaf to it.

/// A hash of the tree.
pub(super) type Hash = [u8; 32];

/// The hash of a leaf's content.
pub(super) fn leaf(content: &[u8]) -> Hash {
    let mut state = blake3::Hasher::new();
    state.update(&[0]).update(content);
    state.finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut state = blake3::Hasher::new();
    state.update(&[1]).update(left).update(right);
    state.finalize().into()
}

/// The root over some leaves' hashes.
pub(super) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => blake3::hash(b"").into(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The hashes beside the way from leaf `index` to the root, the leaf's neighbour first.
pub(super) fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path_below, beside) = if index < middle {
        (path(left, index), root(right))
    } else {
        (path(right, index - middle), root(left))
    };
    path_below.push(beside);
    path_below
}

/// The root that a leaf and a path lead to in a tree of `size` leaves; `None` if the path does not fit there.
pub(super) fn climb(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            hash = node(beside, &hash);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            hash = node(&hash, beside);
        }
        at /= 2;
        last /= 2;
    }
    (last == 0).then_some(hash)
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_of_every_small_tree_climbs_to_the_root_and_no_other() {
        for size in 1..40_usize {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf(&[n as u8])).collect();
            let top = root(&leaves);
            for (index, one) in leaves.iter().enumerate() {
                let path = path(&leaves, index);
                let climbed = |index: usize, size: usize, path: &[Hash]| {
                    climb(*one, index as u64, size as u64, path)
                };
                assert_eq!(climbed(index, size, &path), Some(top), "{index} of {size}");
                for other in (0..size + 1).filter(|other| *other != index) {
                    assert_ne!(
                        climbed(other, size, &path),
                        Some(top),
                        "{index} of {size} as {other}"
                    );
                }
                if let Some((_, shorter)) = path.split_last() {
                    assert_ne!(climbed(index, size, shorter), Some(top));
                }
                let mut longer = path.clone();
                longer.push(top);
                assert_eq!(climbed(index, size, &longer), None);
            }
        }
    }

    #[test]
    fn a_leaf_is_no_node() {
        let [a, b] = [leaf(b"a"), leaf(b"b")];
        let joined = [a, b].concat();
        assert_ne!(leaf(&joined), root(&[a, b]));
    }
}

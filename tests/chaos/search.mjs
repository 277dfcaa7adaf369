// SPDX-License-Identifier: PostgreSQL
// search.mjs - binary search.

// The first n for which `holds(n)`, where it does from some n on; `length` if it does for none below.
export function firstWhere(length, holds) {
    let [low, high] = [0, length];
    while (low < high) {
        const middle = (low + high) >> 1;
        [low, high] = holds(middle) ? [low, middle] : [middle + 1, high];
    }
    return low;
}

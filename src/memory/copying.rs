//! Copying and comparing memory, in place of musl's functions on x86-64. Those start with a string instruction, whose start-up takes
//! longer than most of our copies, and compare byte by byte: `vmlog journal -o export` took 1.28 s with them, 68 % of it in `memcpy`.
//!
//! Up to 128 bytes are copied by a few loads followed by a few stores, which may overlap each other; more bytes by a
//! loop. Bytes are loaded before a store can overwrite them, so that one function serves as `memcpy` and `memmove`.

#![expect(
    unsafe_code,
    reason = "the interface of the C library consists of raw pointers"
)]

use std::arch::asm;
use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_storeu_si128,
};

/// The bytes of one load.
const VECTOR: usize = size_of::<__m128i>();
/// The bytes of one iteration of a loop.
const TURN: usize = 4 * VECTOR;

#[cfg(target_env = "musl")]
mod exported {
    /// # Safety
    /// As the C library asks: `n` bytes can be read at `src` and written at `dest`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller's promise
        unsafe { super::copy(dest, src, n) };
        dest
    }

    /// # Safety
    /// As the C library asks: `n` bytes can be read at `src` and written at `dest`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller's promise
        unsafe { super::copy(dest, src, n) };
        dest
    }

    /// # Safety
    /// As the C library asks: `n` bytes can be read at `a` and at `b`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
        // SAFETY: the caller's promise
        unsafe { super::compare(a, b, n) }
    }

    /// # Safety
    /// As the C library asks: `n` bytes can be read at `a` and at `b`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
        // SAFETY: the caller's promise
        unsafe { super::compare(a, b, n) }
    }
}

/// Copies `n` bytes; both places may overlap.
///
/// # Safety
/// `n` bytes can be read at `src` and written at `dest`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "it is the body of two functions that must not call others"
)]
unsafe fn copy(dest: *mut u8, src: *const u8, n: usize) {
    // SAFETY: each arm loads and stores within the first and the last bytes that its length says are there
    unsafe {
        match n {
            0 => {}
            1..4 => {
                let (first, middle, last) = (*src, *src.add(n / 2), *src.add(n - 1));
                *dest = first;
                *dest.add(n / 2) = middle;
                *dest.add(n - 1) = last;
            }
            4..8 => copy_ends::<u32, 1>(dest, src, n),
            8..16 => copy_ends::<u64, 1>(dest, src, n),
            16..=32 => copy_ends::<__m128i, 1>(dest, src, n),
            33..=64 => copy_ends::<__m128i, 2>(dest, src, n),
            65..=128 => copy_ends::<__m128i, 4>(dest, src, n),
            // Wraps around if `dest` is first.
            _ if dest.addr().wrapping_sub(src.addr()) >= n => copy_forward(dest, src, n),
            _ => copy_backward(dest, src, n),
        }
    }
}

/// Copies the first and the last `N` values of type `T`, which cover all bytes.
///
/// # Safety
/// As [`copy`], and `n` is `N` to `2 * N` times the size of `T`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as copy")]
unsafe fn copy_ends<T: Copy, const N: usize>(dest: *mut u8, src: *const u8, n: usize) {
    let behind = n - N * size_of::<T>();
    // SAFETY: the first and the last `N` values are within the `n` bytes.
    unsafe {
        let first: [T; N] = std::array::from_fn(|at| load(src.add(at * size_of::<T>())));
        let last: [T; N] = std::array::from_fn(|at| load(src.add(behind + at * size_of::<T>())));
        for (at, value) in first.into_iter().enumerate() {
            store(dest.add(at * size_of::<T>()), value);
        }
        for (at, value) in last.into_iter().enumerate() {
            store(dest.add(behind + at * size_of::<T>()), value);
        }
    }
}

/// Copies from the first byte to the last.
///
/// # Safety
/// As [`copy`]; `n` is more than [`TURN`], and `dest` does not begin within the bytes at `src`.
unsafe fn copy_forward(dest: *mut u8, src: *const u8, n: usize) {
    let behind = n - TURN;
    // SAFETY: an iteration starts at `behind` at most. Its bytes are loaded before they are stored, and earlier stores are before
    // them in the source; except the last one, which was loaded first.
    unsafe {
        let last = load_turn(src.add(behind));
        let mut at = 0;
        while at < behind {
            store_turn(dest.add(at), load_turn(src.add(at)));
            at += TURN;
            keep_the_loop();
        }
        store_turn(dest.add(behind), last);
    }
}

/// Copies from the last byte to the first.
///
/// # Safety
/// As [`copy`]; `n` is more than [`TURN`], and `dest` begins within the bytes at `src`.
unsafe fn copy_backward(dest: *mut u8, src: *const u8, n: usize) {
    // SAFETY: an iteration ends at more than `TURN`. Its bytes are loaded before they are stored, and earlier stores are after them
    // in the source; except the first one, which was loaded first.
    unsafe {
        let first = load_turn(src);
        let mut end = n;
        while end > TURN {
            let at = end - TURN;
            store_turn(dest.add(at), load_turn(src.add(at)));
            end = at;
            keep_the_loop();
        }
        store_turn(dest, first);
    }
}

/// Below 0, 0 or above 0, according to the first byte that differs.
///
/// # Safety
/// `n` bytes can be read at `a` and at `b`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "it is the body of two functions that must not call others"
)]
unsafe fn compare(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: each arm loads within the first and the last bytes that its length says are there
    unsafe {
        match n {
            0 => 0,
            1..4 => {
                let key = |at: *const u8| {
                    let [first, middle, last] =
                        [*at, *at.add(n / 2), *at.add(n - 1)].map(i32::from);
                    first << 16 | middle << 8 | last
                };
                key(a) - key(b)
            }
            4..8 => {
                let key = |at: *const u8| {
                    let first = u32::from_be(load(at));
                    let last = u32::from_be(load(at.add(n - 4)));
                    u64::from(first) << 32 | u64::from(last)
                };
                key(a).cmp(&key(b)) as i32
            }
            8..16 => {
                let key = |at: *const u8| -> u64 { u64::from_be(load(at)) };
                let first = key(a).cmp(&key(b));
                first.then_with(|| key(a.add(n - 8)).cmp(&key(b.add(n - 8)))) as i32
            }
            _ => compare_vectors(a, b, n),
        }
    }
}

/// # Safety
/// As [`compare`], and `n` is at least [`VECTOR`].
unsafe fn compare_vectors(a: *const u8, b: *const u8, n: usize) -> i32 {
    let behind = n - VECTOR;
    let mut at = 0;
    loop {
        // SAFETY: a vector starts at `behind` at most, and a difference is within it.
        unsafe {
            let same = _mm_movemask_epi8(_mm_cmpeq_epi8(load(a.add(at)), load(b.add(at))));
            if same != 0xffff {
                let differs = at + (!same).trailing_zeros() as usize;
                return i32::from(*a.add(differs)) - i32::from(*b.add(differs));
            }
        }
        if at == behind {
            return 0;
        }
        at = (at + VECTOR).min(behind);
        keep_the_loop();
    }
}

/// # Safety
/// A value of type `T`, at any address, can be read at `at`, and any bytes are one.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as copy")]
unsafe fn load<T: Copy>(at: *const u8) -> T {
    // SAFETY: the caller's promise
    unsafe { at.cast::<T>().read_unaligned() }
}

/// # Safety
/// A value of type `T`, at any address, can be written at `at`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as copy")]
unsafe fn store<T: Copy>(at: *mut u8, value: T) {
    // SAFETY: the caller's promise
    unsafe { at.cast::<T>().write_unaligned(value) }
}

/// # Safety
/// [`TURN`] bytes can be read at `at`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as copy")]
unsafe fn load_turn(at: *const u8) -> [__m128i; 4] {
    // SAFETY: the caller's promise
    unsafe { std::array::from_fn(|index| _mm_loadu_si128(at.add(index * VECTOR).cast())) }
}

/// # Safety
/// [`TURN`] bytes can be written at `at`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as copy")]
unsafe fn store_turn(at: *mut u8, turn: [__m128i; 4]) {
    let [first, second, third, fourth] = turn;
    // SAFETY: the caller's promise
    unsafe {
        _mm_storeu_si128(at.cast(), first);
        _mm_storeu_si128(at.add(VECTOR).cast(), second);
        _mm_storeu_si128(at.add(2 * VECTOR).cast(), third);
        _mm_storeu_si128(at.add(3 * VECTOR).cast(), fourth);
    }
}

/// Hides a value from the compiler, which would replace a copying loop by a call of `memcpy`: the function that contains the loop.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as copy")]
fn keep_the_loop() {
    // SAFETY: it is no instruction.
    unsafe { asm!("", options(nostack, preserves_flags)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    /// All lengths up to a few iterations of the loops.
    const LENGTH_MAX: usize = 5 * TURN + 7;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (at * 7 + at / 251).to_le_bytes()[0])
            .collect()
    }

    #[test]
    fn what_is_copied_is_the_same_and_nothing_beside_it_changes() {
        let source = bytes(LENGTH_MAX + 3);
        for length in 0..=LENGTH_MAX {
            for (from, to) in [(0, 0), (1, 2), (3, 1)] {
                let mut found = vec![0xee; LENGTH_MAX + 16];
                let mut expected = found.clone();
                expected[to..to + length].copy_from_slice(&source[from..from + length]);
                // SAFETY: both are longer than the copied bytes.
                unsafe {
                    copy(
                        found.as_mut_ptr().add(to),
                        source.as_ptr().add(from),
                        length,
                    );
                };
                assert_eq!(found, expected, "{length} bytes from {from} to {to}");
            }
        }
    }

    #[test]
    fn what_overlaps_is_copied_as_it_was() {
        for length in 0..=LENGTH_MAX {
            for distance in [0, 1, 7, 15, 16, 17, 63, 64, 65, 130] {
                for (from, to) in [(0, distance), (distance, 0)] {
                    let mut found = bytes(LENGTH_MAX + 130);
                    let mut expected = found.clone();
                    expected.copy_within(from..from + length, to);
                    let start = found.as_mut_ptr();
                    // SAFETY: both ends are within the bytes
                    unsafe { copy(start.add(to), start.add(from), length) };
                    assert!(found == expected, "{length} bytes from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn the_first_difference_decides() {
        let sign = |a: &[u8], b: &[u8]| {
            // SAFETY: both have this length.
            unsafe { compare(a.as_ptr(), b.as_ptr(), a.len()) }.cmp(&0)
        };
        for length in 0..=100 {
            let a = bytes(length);
            assert_eq!(sign(&a, &a.clone()), Ordering::Equal, "{length} bytes");
            for at in 0..length {
                for change in [1, 0x80, 0xff] {
                    let mut b = a.clone();
                    b[at] ^= change;
                    if at + 1 < length {
                        b[length - 1] = !b[length - 1];
                    }
                    assert_eq!(sign(&a, &b), a.cmp(&b), "{length} bytes, {at} differs");
                    assert_eq!(sign(&b, &a), b.cmp(&a), "{length} bytes, {at} differs");
                }
            }
        }
    }
}

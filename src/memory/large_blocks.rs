//! An allocator that gives every large block a mapping of its own, and returns it to the system as soon as it is freed.
//!
//! mimalloc keeps freed memory per thread, and returns it only when that thread allocates again. A record of several megabytes passes
//! through the threads of a collector, of the writer and of each request, and every one of them kept its share: a server that had read
//! forty such lines held 400 MB, of which it used 30 MB. Large blocks are rare and take long to fill, so that the two system calls are
//! not noticeable. A growing buffer is remapped, not copied.

#![expect(
    unsafe_code,
    reason = "the interface of an allocator consists of raw pointers"
)]

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap, munmap};
use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;
use std::ptr;

/// Blocks of at least this size are mapped: larger than the blocks of a store and the buffers of usual records.
const MAPPED_MIN: usize = 512 << 10;

/// The smallest page size: every mapping begins at a multiple of it.
const PAGE: usize = 4096;

/// Passes small blocks to the allocator `A`.
#[derive(Debug)]
pub(crate) struct LargeBlocks<A>(pub(crate) A);

/// Whether a block of this layout has a mapping of its own.
fn is_mapped(size: usize, align: usize) -> bool {
    size >= MAPPED_MIN && align <= PAGE
}

/// A new mapping of zeros; null if there is no memory.
fn map(size: usize) -> *mut u8 {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address that the system chooses affects no other memory.
    let mapped = unsafe { mmap_anonymous(ptr::null_mut(), size, access, MapFlags::PRIVATE) };
    mapped.map_or(ptr::null_mut(), <*mut c_void>::cast)
}

// SAFETY: a block is either a mapping of its own of at least the requested size, aligned to a page, or a block of `A`. Size and
// alignment, which the caller must repeat, decide which, so that each block is freed in the way in which it was allocated.
unsafe impl<A: GlobalAlloc> GlobalAlloc for LargeBlocks<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout.size(), layout.align()) {
            return map(layout.size());
        }
        // SAFETY: the caller's promise
        unsafe { self.0.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout.size(), layout.align()) {
            return map(layout.size());
        }
        // SAFETY: the caller's promise
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_mapped(layout.size(), layout.align()) {
            // SAFETY: the block is a whole mapping of this size. A failure leaves it mapped, which harms nobody.
            let _ = unsafe { munmap(block.cast(), layout.size()) };
            return;
        }
        // SAFETY: the caller's promise
        unsafe { self.0.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let was_mapped = is_mapped(layout.size(), layout.align());
        match (was_mapped, is_mapped(new_size, layout.align())) {
            // SAFETY: the caller's promise
            (false, false) => unsafe { self.0.realloc(block, layout, new_size) },
            (true, true) => {
                let (old, flags) = (layout.size(), MremapFlags::MAYMOVE);
                // SAFETY: the block is a whole mapping of this size, and the caller no longer uses its old address.
                let moved = unsafe { mremap(block.cast(), old, new_size, flags) };
                moved.map_or(ptr::null_mut(), <*mut c_void>::cast)
            }
            // SAFETY: the caller's promise
            _ => unsafe { self.replace(block, layout, new_size) },
        }
    }
}

impl<A: GlobalAlloc> LargeBlocks<A> {
    /// Moves a block from a mapping to `A` or back.
    ///
    /// # Safety
    /// As [`GlobalAlloc::realloc`].
    unsafe fn replace(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: `new_size` is not 0, as the caller promises. Both blocks have the copied bytes and are different.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::System;

    const ALLOCATOR: LargeBlocks<System> = LargeBlocks(System);

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// The bytes of a block that was filled by `fill`.
    fn is_filled(block: *const u8, length: usize) -> bool {
        (0..length).step_by(509).all(|at| {
            // SAFETY: the block has at least `length` bytes, which were written.
            let byte = unsafe { *block.add(at) };
            byte == pattern(at)
        })
    }

    fn fill(block: *mut u8, length: usize) {
        for at in (0..length).step_by(509) {
            // SAFETY: the block has at least `length` bytes.
            unsafe { *block.add(at) = pattern(at) };
        }
    }

    fn pattern(at: usize) -> u8 {
        (at * 31 + 7).to_le_bytes()[0]
    }

    #[test]
    fn blocks_keep_their_bytes_when_they_grow_and_shrink() {
        let sizes = [
            100,
            MAPPED_MIN - 1,
            MAPPED_MIN,
            MAPPED_MIN + 1,
            3 * MAPPED_MIN + 17,
            10 * MAPPED_MIN,
        ];
        for from in sizes {
            for to in sizes {
                let old = layout(from, 8);
                // SAFETY: the blocks are used within their sizes and freed with their layouts.
                unsafe {
                    let block = ALLOCATOR.alloc(old);
                    fill(block, from);
                    let block = ALLOCATOR.realloc(block, old, to);
                    assert!(is_filled(block, from.min(to)), "from {from} to {to}");
                    fill(block, to);
                    assert!(is_filled(block, to), "from {from} to {to}");
                    ALLOCATOR.dealloc(block, layout(to, 8));
                }
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_zero_and_aligned() {
        for align in [1, 64, PAGE, 2 * PAGE, 1 << 20] {
            for size in [4096, MAPPED_MIN, 2 * MAPPED_MIN] {
                let layout = layout(size, align);
                // SAFETY: the block is used within its size and freed with its layout.
                unsafe {
                    let block = ALLOCATOR.alloc_zeroed(layout);
                    assert_eq!(block.addr() % align, 0, "{size} bytes at {align}");
                    assert!((0..size).all(|at| *block.add(at) == 0));
                    fill(block, size);
                    ALLOCATOR.dealloc(block, layout);
                }
            }
        }
    }

    #[test]
    fn freed_blocks_are_returned_to_the_system() {
        /// The number of pages of this process.
        fn pages() -> usize {
            let status = std::fs::read_to_string("/proc/self/statm").unwrap();
            status.split(' ').next().unwrap().parse().unwrap()
        }
        const SIZE: usize = 1 << 30;
        let layout = layout(SIZE, 8);
        // SAFETY: the block is freed with its layout.
        unsafe {
            let block = ALLOCATOR.alloc(layout);
            assert!(!block.is_null());
            let during = pages();
            ALLOCATOR.dealloc(block, layout);
            assert!(pages() + SIZE / PAGE / 2 < during);
        }
    }
}

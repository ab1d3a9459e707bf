// What AddressSanitizer does in a fuzz target unless ASAN_OPTIONS says otherwise.

// An input frees a few megabytes: memory that waits for longer before it is used again shows
// nothing more, and is out of the cache.
extern "C" const char* __asan_default_options();
const char* __asan_default_options() {
  return "quarantine_size_mb=2:thread_local_quarantine_size_kb=256:allocator_release_to_os_"
         "interval_ms=-1";
}

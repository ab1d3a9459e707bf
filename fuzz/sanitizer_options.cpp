// What AddressSanitizer does in a fuzz target unless ASAN_OPTIONS says otherwise.

// Memory that was freed is used again once 2 MiB more were: most inputs free less, and what waits
// for longer is out of the cache. The tests replay the corpora with the default, 256 MiB.
extern "C" const char* __asan_default_options();
const char* __asan_default_options() {
  return "quarantine_size_mb=2:thread_local_quarantine_size_kb=256:"
         "allocator_release_to_os_interval_ms=-1";
}

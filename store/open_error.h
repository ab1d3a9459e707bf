#pragma once

#include <cstdint>
#include <string>

namespace rollcall::store {

// Why a data file cannot be used.
struct OpenError {
  enum class Kind : std::uint8_t {
    kCorrupt,           // damaged, cut, of something else, or of a newer version
    kInUse,             // another process has it open
    kMissing,           // there is none, and none is to be made
    kExists,            // there is one, and it is to be new
    kMissingDirectory,  // where it would be
    kNoPermission,
    kFull,
    kIo,
  };
  Kind kind;
  // One line: the file, what is wrong, and what to do.
  std::string message;
};

}  // namespace rollcall::store

// Property: whatever part of the listing is asked for, it is the addresses of the entries at those
// places whose lease has not ended, written out one by one, however many chunks the cache of
// rendered text has room for; and every entry has a place of its own.
//
// The input is a byte for the cache's size and a list of operations, four bytes each.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/output_buffer.h"
#include "engine/registry/client_entry.h"
#include "engine/registry/peer_listing.h"
#include "engine/wire/address_text.h"
#include "fuzz/property.h"
#include "fuzz/record_target.h"

namespace {

using namespace rollcall;
using namespace std::chrono_literals;
using engine::ClientEntry;
using engine::EntryNumber;
using engine::Instant;

constexpr std::size_t kEntriesMax = 400;
// A rendered chunk takes no more.
constexpr std::size_t kChunkBytes = 1800;

std::string text_of(const ClientEntry& entry) {
  std::array<char, engine::kEndpointTextBytesMax> text;
  const std::size_t bytes = engine::write_endpoint({entry.host, entry.port}, text.data());
  return "'" + std::string(text.data(), bytes) + "', ";
}

class Comparison {
 public:
  explicit Comparison(std::size_t bytes_max)
      : bytes_max_(bytes_max), listing_(pool_, engine::SampleGenerator(1), bytes_max) {}

  void step(std::span<const std::uint8_t> record) {
    const std::size_t choice = std::size_t{record[1]} << 8 | record[2];
    const std::size_t times = 1u + record[3] % 64u;
    switch (record[0] % 8) {
      case 0:
      case 1:
        for (std::size_t i = 0; i < times; ++i) insert(choice + i);
        break;
      case 2:
        for (std::size_t i = 0; i < times && !listed_.empty(); ++i) {
          remove((choice + i * 7) % listed_.size());
        }
        break;
      case 3:
        if (!listed_.empty()) move(choice % listed_.size(), record[3]);
        break;
      case 4:
        if (!listed_.empty()) renew(choice % listed_.size());
        break;
      case 5:
        now_ += std::array<engine::Duration, 4>{1ns, 1s, 59s, 60s}[record[3] % 4];
        break;
      default:
        append(choice % (listed_.size() + 1), record[2] % (listed_.size() + 1),
               record[3] < 128 ? 1000 : record[3] - 128u);
        break;
    }
    if (listing_.size() != listed_.size()) fuzz::broken("another size");
  }

  void finish() {
    listing_.check_invariants();
    append(0, listed_.size(), 1000);
    // As after a recovery: in any order, but each once.
    listing_.shuffle();
    listing_.check_invariants();
    append(0, listed_.size(), 1000);
    while (!listed_.empty()) remove(0);
    append(0, 0, 1000);
  }

 private:
  void insert(std::size_t choice) {
    if (listed_.size() == kEntriesMax) return;
    const EntryNumber number = pool_.allocate("nick");
    ClientEntry& entry = pool_[number];
    entry.state = engine::EntryState::kActive;
    entry.host = choice % 3 == 0
                     ? engine::HostAddress::v4(10, 0, 0, 1)
                     : engine::HostAddress{{0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
                                            static_cast<std::uint8_t>(choice)}};
    entry.port = static_cast<std::uint16_t>(1 + choice);
    entry.deadline = now_ + (choice % 5 == 0 ? 1s : 60s);
    if (choice % 11 == 10) {
      listing_.add_unshuffled(number);
    } else {
      listing_.insert(number);
    }
    listed_.push_back(number);
  }

  void remove(std::size_t which) {
    const EntryNumber number = listed_[which];
    listing_.remove(number);
    pool_.free(number);
    listed_[which] = listed_.back();
    listed_.pop_back();
  }

  void move(std::size_t which, std::uint8_t to) {
    ClientEntry& entry = pool_[listed_[which]];
    entry.host = engine::HostAddress::v4(192, 168, 0, to);
    listing_.changed(entry);
  }

  // Whose lease has ended is never renewed: it comes back as another.
  void renew(std::size_t which) {
    ClientEntry& entry = pool_[listed_[which]];
    if (entry.deadline > now_) entry.deadline = now_ + 60s;
  }

  void append(std::size_t a, std::size_t b, std::size_t peers_max) {
    const std::size_t first = std::min(a, b);
    const std::size_t last = std::max(a, b);
    // Reading brings those who came last to their places.
    engine::OutputBuffer out;
    const std::size_t listed = listing_.append(first, last, peers_max, now_, out);
    std::vector<const ClientEntry*> places(listed_.size());
    for (const EntryNumber number : listed_) {
      const ClientEntry& entry = pool_[number];
      if (entry.list_position >= places.size()) fuzz::broken("a place that there is not");
      if (places[entry.list_position] != nullptr) fuzz::broken("two entries at one place");
      places[entry.list_position] = &entry;
    }
    std::string expected;
    std::size_t peers = 0;
    for (std::size_t place = first; place < last && peers < peers_max; ++place) {
      if (places[place]->deadline <= now_) continue;
      expected += text_of(*places[place]);
      ++peers;
    }
    if (listed != peers) fuzz::broken("another number of peers");
    if (out.view() != expected) fuzz::broken("listed: " + std::string(out.view()));
    // One chunk there is always room for; a pointer a chunk of a block comes on top.
    const std::size_t bytes_max = std::max(bytes_max_, 2 * kChunkBytes) + 128 * sizeof(void*);
    if (listing_.rendered_bytes() > bytes_max) fuzz::broken("the cache is too large");
  }

  const std::size_t bytes_max_;
  engine::EntryPool pool_;
  engine::PeerListing listing_;
  std::vector<EntryNumber> listed_;
  Instant now_{1h};
};

}  // namespace

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 1, .record_bytes = 4};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  Comparison comparison(input[0] % 16 * kChunkBytes);
  fuzz::for_each_record(input,
                        [&](std::span<const std::uint8_t> record) { comparison.step(record); });
  comparison.finish();
  return 0;
}

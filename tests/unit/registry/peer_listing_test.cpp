#include "engine/registry/peer_listing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/limits.h"
#include "engine/wire/address_text.h"

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow(1000s);
constexpr Instant kLater(5000s);
constexpr std::size_t kAll = limits::kAnswerPeersMax;
// A chunk of the rendered cache, as peers; see PeerListing.
constexpr std::size_t kChunk = 32;
constexpr std::string_view kLongestHost = "1111:2222:3333:4444:5555:6666:7777:8888";

// A listing whose peers are known by their port.
class ListingUnderTest {
 public:
  explicit ListingUnderTest(std::uint64_t seed = 1,
                            std::size_t rendered_bytes_max = limits::kRenderedBytesMax)
      : listing_(pool_, SampleGenerator(seed), rendered_bytes_max) {}

  void add(std::uint16_t port, Instant deadline = kLater) {
    listing_.insert(allocate(port, deadline));
  }
  void add_unshuffled(std::uint16_t port) { listing_.add_unshuffled(allocate(port, kLater)); }
  EntryNumber allocate(std::uint16_t port, Instant deadline) {
    const EntryNumber number = pool_.allocate("nick");
    ClientEntry& entry = pool_[number];
    entry.state = EntryState::kActive;
    entry.host = HostAddress::v4(10, 0, 0, 1);
    entry.port = port;
    entry.deadline = deadline;
    numbers_[port] = number;
    return number;
  }
  void add_up_to(std::size_t ports) {
    for (std::size_t port = 1; port <= ports; ++port) add(static_cast<std::uint16_t>(port));
  }

  void remove(std::uint16_t port) {
    const EntryNumber number = numbers_.at(port);
    listing_.remove(number);
    pool_[number].state = EntryState::kFree;
    pool_.free(number);
    numbers_.erase(port);
  }

  ClientEntry& entry(std::uint16_t port) { return pool_[numbers_.at(port)]; }
  PeerListing& listing() { return listing_; }
  const std::map<std::uint16_t, EntryNumber>& numbers() const { return numbers_; }

  // The ports listed at these positions.
  std::vector<std::uint16_t> list(std::size_t first, std::size_t last, std::size_t peers_max = kAll,
                                  Instant now = kNow) {
    OutputBuffer out;
    const std::size_t listed = listing_.append(first, last, peers_max, now, out);
    listing_.check_invariants();
    std::vector<std::uint16_t> ports;
    std::string_view text = out.view();
    while (!text.empty()) {
      const std::size_t end = text.find("', ");
      EXPECT_NE(end, std::string_view::npos) << text;
      EXPECT_TRUE(text.starts_with('\'')) << text;
      const auto endpoint = parse_endpoint(text.substr(1, end - 1));
      EXPECT_TRUE(endpoint.has_value()) << text;
      ports.push_back(endpoint.value_or(Endpoint{}).port);
      text.remove_prefix(end + 3);
    }
    EXPECT_EQ(listed, ports.size());
    return ports;
  }
  std::vector<std::uint16_t> list(Instant now = kNow) {
    return list(0, listing_.size(), kAll, now);
  }

  std::vector<std::uint16_t> sorted(Instant now = kNow) {
    std::vector<std::uint16_t> ports = list(now);
    std::ranges::sort(ports);
    return ports;
  }

 private:
  EntryPool pool_;
  PeerListing listing_;
  std::map<std::uint16_t, EntryNumber> numbers_;
};

std::vector<std::uint16_t> ports_up_to(std::size_t last) {
  std::vector<std::uint16_t> ports;
  for (std::size_t port = 1; port <= last; ++port)
    ports.push_back(static_cast<std::uint16_t>(port));
  return ports;
}

TEST(PeerListing, ListsNothingWhenEmpty) {
  ListingUnderTest under_test;
  EXPECT_TRUE(under_test.list().empty());
  under_test.listing().check_invariants();
}

TEST(PeerListing, WritesEachPeerInQuotesWithACommaBehindIt) {
  ListingUnderTest under_test;
  under_test.add(9999);
  OutputBuffer out;
  EXPECT_EQ(under_test.listing().append(0, 1, kAll, kNow, out), 1u);
  EXPECT_EQ(out.view(), "'10.0.0.1:9999', ");

  under_test.entry(9999).host = parse_host("2001:db8::1").value();
  under_test.listing().changed(under_test.entry(9999));
  out.clear();
  under_test.listing().append(0, 1, kAll, kNow, out);
  EXPECT_EQ(out.view(), "'[2001:db8::1]:9999', ");
}

TEST(PeerListing, HasRoomForTheLongestAddresses) {
  ListingUnderTest under_test;
  constexpr std::uint16_t kPorts = 2 * kChunk;
  for (std::uint16_t i = 0; i < kPorts; ++i) {
    const auto port = static_cast<std::uint16_t>(65000 + i);
    under_test.add(port);
    under_test.entry(port).host.bytes.fill(0xFF);
  }
  EXPECT_EQ(under_test.list().size(), kPorts);
}

TEST(PeerListing, ListsEverybodyOnceAtEverySize) {
  ListingUnderTest under_test;
  for (std::size_t size = 1; size <= 4 * kChunk + 1; ++size) {
    under_test.add(static_cast<std::uint16_t>(size));
    EXPECT_EQ(under_test.sorted(), ports_up_to(size));
  }
}

TEST(PeerListing, ListsAnyRunOfPositionsTheSameWay) {
  constexpr std::size_t kSize = 2 * kChunk + 7;
  ListingUnderTest under_test;
  under_test.add_up_to(kSize);
  const std::vector<std::uint16_t> all = under_test.list();
  for (std::size_t first = 0; first <= kSize; ++first) {
    for (std::size_t last = first; last <= kSize; ++last) {
      ASSERT_TRUE(std::ranges::equal(under_test.list(first, last),
                                     std::span(all).subspan(first, last - first)));
    }
  }
}

TEST(PeerListing, StopsExactlyAtTheMostThatIsWanted) {
  constexpr std::size_t kSize = 2 * kChunk + 7;
  ListingUnderTest under_test;
  under_test.add_up_to(kSize);
  const std::vector<std::uint16_t> all = under_test.list();
  for (std::size_t first : {std::size_t{0}, std::size_t{5}, kChunk - 1, kChunk, kChunk + 1}) {
    for (std::size_t peers_max = 0; peers_max <= kSize + 1; ++peers_max) {
      const std::size_t expected = std::min(peers_max, kSize - first);
      ASSERT_TRUE(std::ranges::equal(under_test.list(first, kSize, peers_max),
                                     std::span(all).subspan(first, expected)));
    }
  }
  EXPECT_EQ(under_test.list(3, kSize, SIZE_MAX).size(), kSize - 3);
}

TEST(PeerListing, SkipsTheExpiredWithoutCountingThem) {
  constexpr std::size_t kSize = 3 * kChunk;
  ListingUnderTest under_test;
  for (std::size_t i = 1; i <= kSize; ++i) {
    const auto port = static_cast<std::uint16_t>(i);
    under_test.add(port, port % 2 == 0 ? kLater : kNow);
  }
  EXPECT_EQ(under_test.list().size(), kSize / 2);
  for (std::size_t peers_max = 0; peers_max <= kSize / 2; ++peers_max) {
    const std::vector<std::uint16_t> ports = under_test.list(0, kSize, peers_max);
    ASSERT_EQ(ports.size(), peers_max);
    EXPECT_TRUE(std::ranges::all_of(ports, [](std::uint16_t port) { return port % 2 == 0; }));
  }
}

TEST(PeerListing, ListsNobodyFromTheirDeadlineOnThoughTheTextIsReady) {
  ListingUnderTest under_test;
  under_test.add_up_to(kChunk);
  under_test.add(1000, kNow);
  EXPECT_EQ(under_test.list(kNow - 1ns).size(), kChunk + 1);
  EXPECT_EQ(under_test.list(kNow).size(), kChunk);
  EXPECT_EQ(under_test.sorted(kNow), ports_up_to(kChunk));
  EXPECT_EQ(under_test.list(kLater - 1ns).size(), kChunk);
  EXPECT_TRUE(under_test.list(kLater).empty());
}

TEST(PeerListing, KeepsListingThoseWhoseLeaseWasExtended) {
  ListingUnderTest under_test;
  under_test.add_up_to(kChunk);
  under_test.list();
  under_test.entry(7).deadline = kLater + 10s;  // as KeepAlive does: the listing is not told
  EXPECT_EQ(under_test.list(kLater), std::vector<std::uint16_t>{7});
  EXPECT_TRUE(under_test.list(kLater + 10s).empty());
}

TEST(PeerListing, ShowsAChangedAddressAtOnce) {
  ListingUnderTest under_test;
  under_test.add_up_to(2 * kChunk);
  under_test.list();
  under_test.entry(7).port = 7777;
  under_test.listing().changed(under_test.entry(7));
  std::vector<std::uint16_t> expected = ports_up_to(2 * kChunk);
  expected.erase(expected.begin() + 6);
  expected.push_back(7777);
  EXPECT_EQ(under_test.sorted(), expected);
}

TEST(PeerListing, ForgetsWhoIsRemovedAtEverySize) {
  constexpr std::uint16_t kSize = 2 * kChunk + 3;
  ListingUnderTest under_test;
  under_test.add_up_to(kSize);
  for (std::uint16_t removed = 1; removed <= kSize; ++removed) {
    under_test.list();
    under_test.remove(removed);
    const std::vector<std::uint16_t> left = under_test.sorted();
    ASSERT_EQ(left.size(), kSize - removed);
    ASSERT_TRUE(left.empty() || left.front() == removed + 1);
  }
}

TEST(PeerListing, NeverShowsATextThatIsOutOfDate) {
  // One chunk's text fits into the smaller cache, so that chunks drive each other out.
  // Read seldom, whole groups of entries wait to be swapped, and some leave or move meanwhile.
  for (const auto& [rendered_bytes_max, steps_a_list] :
       {std::pair{std::size_t{0}, 1}, {std::size_t{5000}, 1}, {kAll, 1}, {kAll, 50}}) {
    SampleGenerator generator(4);
    ListingUnderTest under_test(3, rendered_bytes_max);
    Instant now = kNow;
    for (int step = 0; step < 5000; ++step) {
      const auto port = static_cast<std::uint16_t>(1 + generator.below(5 * kChunk));
      const bool is_listed = under_test.numbers().contains(port);
      switch (generator.below(4)) {
        case 0:
        case 1:
          if (!is_listed) under_test.add(port, now + Duration(1 + generator.below(1000)));
          break;
        case 2:
          if (is_listed) under_test.remove(port);
          break;
        case 3:
          if (is_listed) {
            under_test.entry(port).host.bytes[15] = static_cast<std::uint8_t>(generator.next());
            under_test.listing().changed(under_test.entry(port));
          }
          break;
      }
      now += Duration(generator.below(20));
      under_test.listing().check_invariants();
      if (step % steps_a_list != 0) continue;
      std::vector<std::uint16_t> expected;
      for (const auto& [other, number] : under_test.numbers()) {
        if (under_test.entry(other).deadline > now) expected.push_back(other);
      }
      ASSERT_EQ(under_test.sorted(now), expected);
    }
  }
}

std::string text_of(const ClientEntry& entry) {
  std::array<char, kEndpointTextBytesMax> text;
  const std::size_t bytes = write_endpoint({entry.host, entry.port}, text.data());
  return "'" + std::string(text.data(), bytes) + "', ";
}

// A chunk of peers, all with the longest IPv4 address but so many with another host. Asserts that
// any part of it is listed as it should be, and returns the memory of the text.
std::size_t rendered_bytes_with(std::size_t others, std::string_view host) {
  constexpr std::uint16_t kFirstPort = 60'000;
  ListingUnderTest under_test;
  for (std::uint16_t i = 0; i < kChunk; ++i) {
    const std::uint16_t port = kFirstPort + i;
    under_test.add(port);
    under_test.entry(port).host = parse_host(i < others ? host : "255.255.255.255").value();
  }
  std::vector<std::string> texts;
  for (const std::uint16_t port : under_test.list())
    texts.push_back(text_of(under_test.entry(port)));
  for (std::size_t first = 0; first <= kChunk; ++first) {
    std::string expected;
    for (std::size_t last = first; last <= kChunk; ++last) {
      OutputBuffer out;
      EXPECT_EQ(under_test.listing().append(first, last, kAll, kNow, out), last - first);
      EXPECT_EQ(out.view(), expected);
      if (last < kChunk) expected += texts[last];
    }
  }
  return under_test.listing().rendered_bytes();
}

TEST(PeerListing, HasRoomElsewhereForTextBeyondThatOfIpv4) {
  const std::size_t ipv4_bytes = rendered_bytes_with(0, "");
  EXPECT_EQ(rendered_bytes_with(kChunk, "10.0.0.1"), ipv4_bytes);
  EXPECT_EQ(rendered_bytes_with(1, "1111:2222::33"), ipv4_bytes);   // as long as the others
  EXPECT_GT(rendered_bytes_with(1, "1111:2222::333"), ipv4_bytes);  // a byte longer
  EXPECT_GT(rendered_bytes_with(kChunk, kLongestHost), ipv4_bytes);
}

TEST(PeerListing, KeepsRenderedTextWithinItsBound) {
  constexpr std::size_t kBound = 100'000;
  ListingUnderTest under_test(1, kBound);
  under_test.add_up_to(20'000);
  for (const auto& [port, number] : under_test.numbers()) {
    under_test.entry(port).host = *parse_host(kLongestHost);
  }
  under_test.list();
  EXPECT_GT(under_test.listing().rendered_bytes(), kBound / 10 * 9);
  EXPECT_LE(under_test.listing().rendered_bytes(), kBound + 1000);
}

TEST(PeerListing, SpreadsOverSeveralBlocks) {
  ListingUnderTest under_test;
  under_test.add_up_to(40'000);
  EXPECT_EQ(under_test.sorted(), ports_up_to(40'000));
  for (std::uint16_t port = 1; port <= 39'990; ++port) under_test.remove(port);
  EXPECT_EQ(under_test.sorted().front(), 39'991);
  EXPECT_EQ(under_test.list().size(), 10u);
}

TEST(PeerListing, CountsTheMemoryOfItsOrder) {
  // A block has 4,096 places of four bytes. Beside it: where it is, and a bit for each chunk, of
  // which there may be room for twice as many.
  constexpr std::size_t kBlockBytes = 16'384;
  constexpr std::size_t kBesideBytesMax = 2 * (8 + 16);
  ListingUnderTest under_test;
  std::uint16_t port = 0;
  for (const auto& [peers, blocks] :
       {std::pair{1u, 1u}, std::pair{4096u, 1u}, std::pair{4097u, 2u}, std::pair{10'000u, 3u}}) {
    while (port < peers) under_test.add(++port);
    const std::size_t bytes = under_test.listing().order_bytes();
    EXPECT_GE(bytes, blocks * (kBlockBytes + 8) + peers / kChunk / 8) << peers;
    EXPECT_LE(bytes, blocks * (kBlockBytes + kBesideBytesMax)) << peers;
    EXPECT_EQ(PeerListing::order_bytes_max(peers), blocks * (kBlockBytes + kBesideBytesMax));
  }
}

// ---- Fairness ----

// How far counts are from being equal, in the units of a chi-square distribution.
double chi_square(const std::vector<std::size_t>& counts) {
  double total = 0;
  for (const std::size_t count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (const std::size_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    sum += difference * difference / expected;
  }
  return sum;
}

// Six standard deviations above what is to be expected of this many equally likely counts: a wrong
// order is far beyond it, and a right one never meets it.
double chi_square_max(std::size_t counts) {
  const double freedom = static_cast<double>(counts) - 1;
  return freedom + 6 * std::sqrt(2 * freedom);
}

// Counts how often each peer stands at each place, over many listings that are built the same way.
template <typename Build>
void expect_every_place_equally_likely(std::size_t size, Build build) {
  constexpr std::size_t kTrials = 4000;
  std::map<std::uint16_t, std::vector<std::size_t>> places_of;
  for (std::size_t trial = 0; trial < kTrials; ++trial) {
    ListingUnderTest under_test(1000 + trial, 0);
    build(under_test);
    const std::vector<std::uint16_t> order = under_test.list();
    ASSERT_EQ(order.size(), size);
    for (std::size_t place = 0; place < size; ++place) {
      places_of[order[place]].resize(size);
      ++places_of[order[place]][place];
    }
  }
  for (const auto& [port, counts] : places_of) {
    EXPECT_LT(chi_square(counts), chi_square_max(size)) << "port " << port;
  }
}

TEST(PeerListing, PutsEverybodyAtEveryPlaceEquallyOften) {
  // The second fills groups that swap together, and begins another.
  for (const std::size_t size : {12u, 40u}) {
    expect_every_place_equally_likely(
        size, [size](ListingUnderTest& under_test) { under_test.add_up_to(size); });
  }
}

TEST(PeerListing, IsFairOnceItWasShuffled) {
  expect_every_place_equally_likely(12, [](ListingUnderTest& under_test) {
    for (std::uint16_t port = 1; port <= 15; ++port) under_test.add_unshuffled(port);
    for (std::uint16_t port = 3; port <= 6; ++port) under_test.remove(port);
    under_test.listing().shuffle();
    under_test.add(20);
  });
}

TEST(PeerListing, IsFairToWhoReadsItUnshuffled) {
  expect_every_place_equally_likely(40, [](ListingUnderTest& under_test) {
    for (std::uint16_t port = 1; port <= 40; ++port) under_test.add_unshuffled(port);
  });
}

TEST(PeerListing, StaysFairWhenPeersLeave) {
  expect_every_place_equally_likely(12, [](ListingUnderTest& under_test) {
    under_test.add_up_to(20);
    for (std::uint16_t port = 3; port <= 10; ++port) under_test.remove(port);
  });
}

TEST(PeerListing, StaysFairWhenPeersComeAndLeaveUnseen) {
  expect_every_place_equally_likely(12, [](ListingUnderTest& under_test) {
    under_test.add_up_to(9);
    ASSERT_EQ(under_test.list().size(), 9u);
    for (std::uint16_t port = 10; port <= 17; ++port) under_test.add(port);
    for (const std::uint16_t port : std::to_array<std::uint16_t>({2, 12, 17, 5, 10})) {
      under_test.remove(port);
    }
  });
}

TEST(PeerListing, StaysFairWhenPeersComeBack) {
  expect_every_place_equally_likely(12, [](ListingUnderTest& under_test) {
    under_test.add_up_to(12);
    for (int round = 0; round < 3; ++round) {
      ASSERT_EQ(under_test.list().size(), 12u);
      under_test.remove(1);
      under_test.remove(12);
      under_test.remove(5);
      under_test.add(5);
      under_test.add(1);
      under_test.add(12);
    }
  });
}

}  // namespace
}  // namespace rollcall::engine

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/dynlib/cuda.h"
#include "core/dynlib/library_search.h"
#include "probes/facts/kernel/ask.h"
#include "probes/facts/readers/hwloc_xml.h"
#include "probes/facts/readers/proximity.h"
#include "probes/facts/readers/readers.h"

namespace rocekit::test {
namespace {

namespace fs = std::filesystem;
using namespace rocekit::facts;
using facts::readers::distance_between;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// In this program's read-only data, for the test that looks for it there.
[[gnu::used]] const char nccl_other_text[] = "Mismatched NCCL version detected";
[[gnu::used]] const char nccl_banner[] = "NCCL version 9.87.6+cuda1.2";

class Directory {
 public:
  Directory() {
    std::string pattern = (fs::temp_directory_path() / "nccl_hardware_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    const fs::path file = path_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

 private:
  fs::path path_;
};

// --- libraries -----------------------------------------------------------------------------------------------------

/// ld.so.cache in the format of glibc 2.32 and later.
std::string ld_cache(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string strings;
  std::string table;
  const std::size_t start = 48 + entries.size() * 24;
  const auto put = [](std::string& out, std::uint32_t value) { out.append(reinterpret_cast<const char*>(&value), 4); };
  for (const auto& [name, path] : entries) {
    put(table, 0x0303);
    put(table, static_cast<std::uint32_t>(start + strings.size()));
    strings += name + '\0';
    put(table, static_cast<std::uint32_t>(start + strings.size()));
    strings += path + '\0';
    table.append(12, '\0');
  }
  std::string header = "glibc-ld.so.cache1.1";
  put(header, static_cast<std::uint32_t>(entries.size()));
  put(header, static_cast<std::uint32_t>(strings.size()));
  header.append(20, '\0');
  return header + table + strings;
}

TEST(LdCache, GivesThePathsOfANameInItsOrder) {
  const std::string cache =
      ld_cache({{"libnccl.so.2", "/a/libnccl.so.2"}, {"libz.so.1", "/z"}, {"libnccl.so.2", "/b/libnccl.so.2"}});
  EXPECT_THAT(dynlib::paths_in_ld_cache(cache, "libnccl.so.2"), ElementsAre("/a/libnccl.so.2", "/b/libnccl.so.2"));
  EXPECT_THAT(dynlib::paths_in_ld_cache("ld.so-1.7.0 and old entries " + cache, "libz.so.1"), ElementsAre("/z"));
  EXPECT_THAT(dynlib::paths_in_ld_cache(cache, "libnccl.so"), IsEmpty());
}

TEST(LdCache, OfWrongSizesGivesNothingAndDoesNotReadBeyond) {
  const std::string cache = ld_cache({{"libnccl.so.2", "/a/libnccl.so.2"}});
  for (std::size_t size = 0; size < cache.size(); ++size) {
    const auto paths = dynlib::paths_in_ld_cache(std::string_view(cache).substr(0, size), "libnccl.so.2");
    EXPECT_LE(paths.size(), 1U);
  }
  std::string lying = cache;
  lying.replace(20, 4, "\xff\xff\xff\xff");
  EXPECT_THAT(dynlib::paths_in_ld_cache(lying, "libnccl.so.2"), ElementsAre("/a/libnccl.so.2"));
}

TEST(LibrarySearch, FindsTheCLibraryWithoutLoadingAnything) {
  const auto path = dynlib::find_library("libc.so.6", "");
  ASSERT_TRUE(path);
  EXPECT_TRUE(fs::exists(*path));
  EXPECT_FALSE(dynlib::find_library("libno-such-thing.so.7", "/nonexistent:/also-nonexistent"));
  EXPECT_FALSE(dynlib::find_library("", ""));
}

/// By its own name: what qemu-user opens for /proc/self/exe cannot be copied.
fs::path this_program() { return fs::read_symlink("/proc/self/exe"); }

TEST(LibrarySearch, TakesLdLibraryPathFirstAndOnlyLibrariesOfThisArchitecture) {
  const Directory first;
  const Directory second;
  first.write("libc.so.6", "not a library");
  fs::copy_file(this_program(), second.path() / "libc.so.6");
  EXPECT_EQ(dynlib::find_library("libc.so.6", first.path().string() + ":" + second.path().string()),
            (second.path() / "libc.so.6").string());
}

TEST(LibrarySearch, ReadsTextsOfReadOnlyData) {
  ASSERT_EQ(std::strlen(nccl_banner), 27U);
  EXPECT_THAT(dynlib::texts_after("/proc/self/exe", "NCCL version "), testing::Contains("9.87.6+cuda1.2"));
  EXPECT_THAT(dynlib::texts_after("/nonexistent", "NCCL version "), IsEmpty());
  EXPECT_THAT(dynlib::texts_after("/proc/self/exe", ""), IsEmpty());
  const Directory directory;
  directory.write("empty", "");
  directory.write("short",
                  "\x7f"
                  "ELF");
  EXPECT_THAT(dynlib::texts_after((directory.path() / "empty").string(), "NCCL version "), IsEmpty());
  EXPECT_THAT(dynlib::texts_after((directory.path() / "short").string(), "NCCL version "), IsEmpty());
}

TEST(NcclLibrary, IsTheOneThatVllmNamesWithItsVersionFromTheRealFilesName) {
  const Directory directory;
  fs::copy_file(this_program(), directory.path() / "libnccl.so.2.28.9");
  fs::create_symlink("libnccl.so.2.28.9", directory.path() / "libnccl.so.2");
  const auto library = kernel::ask_nccl({{"VLLM_NCCL_SO_PATH", (directory.path() / "libnccl.so.2").string()}});
  ASSERT_TRUE(library);
  EXPECT_EQ(library->path, (directory.path() / "libnccl.so.2").string());
  EXPECT_EQ(library->version, Fact<std::string>("2.28.9"));
}

TEST(NcclLibrary, OfAWheelTellsItsVersionInItsBanner) {
  const Directory directory;
  const fs::path lib = directory.path() / "lib/python3.12/site-packages/nvidia/nccl/lib";
  fs::create_directories(lib);
  fs::copy_file(this_program(), lib / "libnccl.so.2");
  // Without this machine's own Python, whose PyTorch would come first.
  const auto library = kernel::ask_nccl({{"VIRTUAL_ENV", directory.path().string()},
                                         {"CONDA_PREFIX", ""},
                                         {"PATH", ""},
                                         {"LD_LIBRARY_PATH", lib.string()}});
  ASSERT_TRUE(library);
  EXPECT_EQ(library->path, (lib / "libnccl.so.2").string());
  EXPECT_EQ(library->version, Fact<std::string>("9.87.6"));
}

TEST(NcclLibrary, IsTheWheelsBeforeTheLoadersWherePythonHasTorch) {
  const Directory directory;
  const fs::path packages = directory.path() / "venv/lib/python3.12/site-packages";
  const fs::path wheel = packages / "nvidia/nccl/lib/libnccl.so.2";
  fs::create_directories(wheel.parent_path());
  fs::copy_file(this_program(), wheel);
  fs::copy_file(this_program(), directory.path() / "libnccl.so.2");
  directory.write("venv/bin/python3", "");
  const std::map<std::string, std::string> environment{{"LD_LIBRARY_PATH", directory.path().string()},
                                                       {"PATH", (directory.path() / "venv/bin").string() + ":/bin"},
                                                       {"VIRTUAL_ENV", ""},
                                                       {"CONDA_PREFIX", ""}};
  auto library = kernel::ask_nccl(environment);
  ASSERT_TRUE(library);
  EXPECT_EQ(library->path, (directory.path() / "libnccl.so.2").string());
  fs::create_directories(packages / "torch");
  library = kernel::ask_nccl(environment);
  ASSERT_TRUE(library);
  EXPECT_EQ(library->path, wheel.string());
}

TEST(NcclLibrary, NamedByVllmAndAbsentIsNotReplacedByAnother) {
  const auto library = kernel::ask_nccl({{"VLLM_NCCL_SO_PATH", "/nonexistent/libnccl.so.2"}});
  ASSERT_FALSE(library);
  EXPECT_EQ(library.missing().why, Why::absent);
  EXPECT_THAT(library.missing().detail, HasSubstr("VLLM_NCCL_SO_PATH=/nonexistent/libnccl.so.2"));
}

TEST(NcclPlugins, AreFoundByNameThenBehindNcclsPrefix) {
  const Directory directory;
  const std::string search = directory.path().string();
  fs::copy_file(this_program(), directory.path() / "libnccl-net-ofi.so");
  fs::copy_file(this_program(), directory.path() / "libnccl-net.so");
  const auto paths = [&](std::map<std::string, std::string> environment) {
    environment["LD_LIBRARY_PATH"] = search;
    std::vector<std::string> found;
    const auto plugins = kernel::ask_nccl_plugins(environment);
    for (const Library& plugin : *plugins) found.push_back(plugin.path);
    return found;
  };
  EXPECT_THAT(paths({{"NCCL_NET_PLUGIN", "ofi"}}), ElementsAre(search + "/libnccl-net-ofi.so"));
  EXPECT_THAT(paths({{"NCCL_NET_PLUGIN", "libofi.so"}}), IsEmpty());
  EXPECT_THAT(paths({{"NCCL_NET_PLUGIN", "none"}}), IsEmpty());
  EXPECT_THAT(paths({{"NCCL_NET_PLUGIN", ""}}), IsEmpty());
  EXPECT_THAT(paths({{"NCCL_NET_PLUGIN", "missing,libnccl-net.so,ofi"}}),
              ElementsAre(search + "/libnccl-net.so", search + "/libnccl-net-ofi.so"));
  EXPECT_THAT(paths({}), ElementsAre(search + "/libnccl-net.so"));
}

// --- GPUs ----------------------------------------------------------------------------------------------------------

TEST(CudaDriver, SaysWhyItCannotBeUsed) {
  const auto driver = dynlib::CudaDriver::load();
  EXPECT_EQ(driver.usable(), driver.error.empty());
  if (driver.usable()) GTEST_SKIP() << "this machine has a CUDA driver";
  EXPECT_THAT(driver.error, HasSubstr("libcuda.so.1"));
}

TEST(AskGpus, GivesGpusOrTheReason) {
  const auto gpus = kernel::ask_gpus();
  if (!gpus) {
    EXPECT_NE(gpus.missing().why, Why::not_read);
    EXPECT_FALSE(gpus.missing().detail.empty());
    return;
  }
  for (const GpuAnswers& gpu : *gpus)
    EXPECT_THAT(gpu.pci_address, testing::MatchesRegex("[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\\.0"));
}

void write_function(const Directory& root, const std::string& address, const std::string& device_class,
                    const std::string& vendor) {
  root.write("sys/bus/pci/devices/" + address + "/class", device_class + "\n");
  root.write("sys/bus/pci/devices/" + address + "/vendor", vendor + "\n");
}

TEST(ReadGpus, AreNvidiasDisplayAndThreeDControllers) {
  const Directory root;
  write_function(root, "000f:01:00.0", "0x030200", "0x10de");
  write_function(root, "0000:02:00.0", "0x030000", "0x10de");
  write_function(root, "0000:03:00.0", "0x030000", "0x1a03");
  write_function(root, "0000:04:00.0", "0x040300", "0x10de");
  write_function(root, "0000:05:00.0", "garbage", "0x10de");
  const auto gpus = readers::read_gpus(FileTree::open(root.path()), {});
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[0].pci_address, "0000:02:00.0");
  EXPECT_EQ(gpus[1].pci_address, "000f:01:00.0");
  EXPECT_EQ(gpus[0].name.missing().why, Why::not_read);
}

TEST(ReadGpus, JoinTheDriversAnswersByAddress) {
  const Directory root;
  write_function(root, "000f:01:00.0", "0x030200", "0x10de");
  write_function(root, "000f:02:00.0", "0x030200", "0x10de");
  KernelAnswers answers;
  GpuAnswers answer;
  answer.pci_address = "0000000F:01:00.0";
  answer.name = std::string("NVIDIA GB10");
  answer.attributes = std::map<std::string, int>{{"18", 1}, {"75", 12}, {"76", 1}, {"88", 1}, {"116", 0}, {"124", 0}};
  answers.gpus = std::vector<GpuAnswers>{answer};
  const auto gpus = readers::read_gpus(FileTree::open(root.path()), answers);
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_TRUE(gpus[0].name.is("NVIDIA GB10"));
  EXPECT_TRUE(gpus[0].integrated.is(true));
  EXPECT_TRUE(gpus[0].pageable_memory_access.is(true));
  EXPECT_TRUE(gpus[0].gpu_direct_rdma_supported.is(false));
  EXPECT_TRUE(gpus[0].dma_buf_supported.is(false));
  EXPECT_EQ(gpus[0].multicast_supported.missing().why, Why::not_supported);
  EXPECT_TRUE(gpus[0].compute_capability.is("12.1"));
  EXPECT_EQ(gpus[1].name.missing().why, Why::absent);
}

TEST(ReadGpus, ThatOnlyTheDriverKnowsAreKept) {
  const Directory root;
  fs::create_directories(root.path() / "sys");
  KernelAnswers answers;
  GpuAnswers answer;
  answer.pci_address = "0000:18:00.0";
  answers.gpus = std::vector<GpuAnswers>{answer};
  const auto gpus = readers::read_gpus(FileTree::open(root.path()), answers);
  ASSERT_EQ(gpus.size(), 1U);
  EXPECT_EQ(gpus[0].pci.missing().why, Why::absent);
}

// --- topology ------------------------------------------------------------------------------------------------------

Pci path(const std::vector<std::string>& hops, Fact<int> numa_node = 0) {
  Pci pci;
  pci.address = hops.back();
  pci.numa_node = std::move(numa_node);
  for (const std::string& address : hops) {
    PciHop hop;
    hop.address = address;
    pci.hops.push_back(hop);
  }
  return pci;
}

TEST(Proximity, IsPixBelowOneSwitch) {
  const Pci nic = path({"0000:15:01.0", "0000:16:00.0", "0000:17:00.0", "0000:18:00.0"});
  const Pci gpu = path({"0000:15:01.0", "0000:16:00.0", "0000:17:04.0", "0000:19:00.0"});
  EXPECT_EQ(distance_between(nic, gpu, 2), "PIX");
}

TEST(Proximity, IsPixBetweenFunctionsOfOneAdapter) {
  EXPECT_EQ(distance_between(path({"0000:00:00.0", "0000:01:00.0"}), path({"0000:00:00.0", "0000:01:00.1"}), 1), "PIX");
}

TEST(Proximity, IsPxbAcrossCascadedSwitches) {
  const Pci nic =
      path({"0000:15:01.0", "0000:16:00.0", "0000:17:00.0", "0000:18:00.0", "0000:19:00.0", "0000:1a:00.0"});
  const Pci gpu = path({"0000:15:01.0", "0000:16:00.0", "0000:17:04.0", "0000:1b:00.0"});
  EXPECT_EQ(distance_between(nic, gpu, 2), "PXB");
}

TEST(Proximity, IsPhbBelowOneHostBridge) {
  EXPECT_EQ(distance_between(path({"0000:15:01.0", "0000:16:00.0"}), path({"0000:15:02.0", "0000:17:00.0"}), 2), "PHB");
}

TEST(Proximity, IsNodeOrSysBetweenHostBridges) {
  const Pci nic = path({"0000:15:01.0", "0000:16:00.0"}, 0);
  EXPECT_EQ(distance_between(nic, path({"0000:35:01.0", "0000:36:00.0"}, 0), 2), "NODE");
  EXPECT_EQ(distance_between(nic, path({"0000:97:01.0", "0000:98:00.0"}, 1), 2), "SYS");
}

TEST(Proximity, OfGb10sGpuInItsOwnDomainIsNode) {
  const Pci nic = path({"0002:00:00.0", "0002:01:00.0"}, -1);
  const Pci gpu = path({"000f:00:00.0", "000f:01:00.0"}, -1);
  EXPECT_EQ(distance_between(nic, gpu, 1), "NODE");
  EXPECT_EQ(distance_between(nic, gpu, 0), "NODE");
}

TEST(Proximity, IsNotGuessedWhenTheNodeIsNotKnown) {
  const Pci nic = path({"0000:15:01.0", "0000:16:00.0"}, Missing{});
  const Pci gpu = path({"0000:97:01.0", "0000:98:00.0"}, 1);
  EXPECT_EQ(distance_between(nic, gpu, 2), std::nullopt);
  EXPECT_EQ(distance_between(nic, gpu, 1), "NODE");
}

Device device_at(const std::string& name, Pci pci) {
  Device device;
  device.name = name;
  device.pci = std::move(pci);
  return device;
}

TEST(ReadTopology, GivesDistancesWithoutHwloc) {
  Gpu gpu;
  gpu.pci_address = "0000:19:00.0";
  gpu.pci = path({"0000:15:02.0", "0000:19:00.0"});
  Device soft;
  soft.name = "rxe0";
  const auto topology =
      readers::read_topology({}, {device_at("mlx5_0", path({"0000:15:01.0", "0000:18:00.0"})), soft}, {gpu});
  ASSERT_TRUE(topology);
  EXPECT_THAT(topology->proximity, ElementsAre(Proximity{"mlx5_0", "0000:19:00.0", "PHB"}));
  EXPECT_EQ(topology->cores, 0);
}

TEST(ReadTopology, IsMissingWhenNothingWasRead) {
  const auto topology = readers::read_topology({}, {}, {});
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.missing().why, Why::not_read);
}

TEST(ReadTopology, TakesTheKernelsOwnListOfNearCores) {
  Pci pci = path({"0000:15:01.0", "0000:18:00.0"});
  pci.local_cpulist = std::string("0-9,15");
  const auto topology = readers::read_topology({}, {device_at("mlx5_0", pci)}, {});
  ASSERT_TRUE(topology);
  EXPECT_THAT(topology->near_cores, ElementsAre(DeviceCores{"mlx5_0", "0-9,15"}));
}

/// GB10 in little: two kinds of cores in one package and one NUMA node.
const char* const two_kinds = R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x0000000f" complete_cpuset="0x0000000f" allowed_cpuset="0x0000000f" nodeset="0x00000001" complete_nodeset="0x00000001" allowed_nodeset="0x00000001" gp_index="1">
    <object type="Package" os_index="0" cpuset="0x0000000f" complete_cpuset="0x0000000f" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="2">
      <object type="NUMANode" os_index="0" cpuset="0x0000000f" complete_cpuset="0x0000000f" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="3" local_memory="1024"/>
      <object type="Core" os_index="0" cpuset="0x00000001" complete_cpuset="0x00000001" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="4"><object type="PU" os_index="0" cpuset="0x00000001" complete_cpuset="0x00000001" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="5"/></object>
      <object type="Core" os_index="1" cpuset="0x00000002" complete_cpuset="0x00000002" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="6"><object type="PU" os_index="1" cpuset="0x00000002" complete_cpuset="0x00000002" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="7"/></object>
      <object type="Core" os_index="2" cpuset="0x00000004" complete_cpuset="0x00000004" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="8"><object type="PU" os_index="2" cpuset="0x00000004" complete_cpuset="0x00000004" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="9"/></object>
      <object type="Core" os_index="3" cpuset="0x00000008" complete_cpuset="0x00000008" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="10"><object type="PU" os_index="3" cpuset="0x00000008" complete_cpuset="0x00000008" nodeset="0x00000001" complete_nodeset="0x00000001" gp_index="11"/></object>
    </object>
  </object>
  <cpukind cpuset="0x00000003" forced_efficiency="0"/>
  <cpukind cpuset="0x0000000c" forced_efficiency="1"/>
</topology>
)";

TEST(ReadTopology, CountsAndKindsOfCoresComeFromHwlocsXml) {
  KernelAnswers answers;
  answers.topology_xml = std::string(two_kinds);
  const auto topology =
      readers::read_topology(answers, {device_at("rocep1s0f0", path({"0000:00:00.0", "0000:01:00.0"}, -1))}, {});
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->packages, 1);
  EXPECT_EQ(topology->numa_nodes, 1);
  EXPECT_EQ(topology->cores, 4);
  EXPECT_THAT(topology->core_kinds, ElementsAre(CoreKind{"0-1", 0}, CoreKind{"2-3", 1}));
  EXPECT_THAT(topology->near_cores, ElementsAre(DeviceCores{"rocep1s0f0", "0-3"}));
}

TEST(ReadTopology, SaysWhatIsMalformedInAnXml) {
  const std::string good = two_kinds;
  std::string bad_set = good;
  bad_set.replace(bad_set.find("cpuset=\"0x0000000f\""), 19, "cpuset=\"0x0000zzzz\"");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{}", "topology_xml: not an export of hwloc 2"},
      {"<topology>", "topology_xml: not an export of hwloc 2"},
      {good.substr(0, good.size() / 2), "topology_xml: cut off, it has no </topology>"},
      {"<topology version=\"2.0\"></topology>", "topology_xml: it has no machine with processors"},
      {bad_set, "topology_xml: an object has no valid cpuset"},
  };
  for (const auto& [xml, why] : cases) {
    KernelAnswers answers;
    answers.topology_xml = xml;
    const auto topology = readers::read_topology(answers, {}, {});
    ASSERT_FALSE(topology) << xml;
    EXPECT_EQ(topology.missing(), (Missing{Why::malformed, why}));
  }
}

TEST(HwlocBitmap, BecomesAListAsSysfsWritesIt) {
  EXPECT_EQ(readers::cpulist_of_bitmap("0x0000000f"), "0-3");
  EXPECT_EQ(readers::cpulist_of_bitmap("0x000fffe0"), "5-19");
  EXPECT_EQ(readers::cpulist_of_bitmap("0x00000004,0x80000003"), "0-1,31,34");
  EXPECT_EQ(readers::cpulist_of_bitmap("0x00000001,,0x00000001"), "0,64");
  EXPECT_EQ(readers::cpulist_of_bitmap("0xffffffff,0xffffffff"), "0-63");
  EXPECT_EQ(readers::cpulist_of_bitmap("0x0"), "");
  EXPECT_EQ(readers::cpulist_of_bitmap(""), std::nullopt);
  EXPECT_EQ(readers::cpulist_of_bitmap("0xf...f"), std::nullopt);
  EXPECT_EQ(readers::cpulist_of_bitmap("0x1ffffffff"), std::nullopt);
  EXPECT_EQ(readers::cpulist_of_bitmap(std::string(5000, ',')), std::nullopt);
}

#ifdef ROCEKIT_HAVE_HWLOC

TEST(AskTopology, RoundTripsThisNodeWithoutItsNames) {
  KernelAnswers answers;
  answers.topology_xml = kernel::ask_topology_xml();
  ASSERT_TRUE(answers.topology_xml) << answers.topology_xml.missing().detail;
  std::array<char, 256> hostname{};
  ASSERT_EQ(gethostname(hostname.data(), hostname.size() - 1), 0);
  EXPECT_EQ(answers.topology_xml->find("HostName"), std::string::npos);
  EXPECT_EQ(answers.topology_xml->find("DMI"), std::string::npos);
  const auto topology = readers::read_topology(answers, {}, {});
  ASSERT_TRUE(topology) << topology.missing().detail;
  EXPECT_GE(topology->cores, 1);
  EXPECT_GE(topology->numa_nodes, 1);
}

#endif

}  // namespace
}  // namespace rocekit::test

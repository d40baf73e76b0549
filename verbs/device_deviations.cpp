#include "verbs/device_deviations.h"

#include <array>

namespace rocekit::verbs {
namespace {

struct Row {
  std::uint32_t vendor_id;
  std::uint32_t first_part;
  std::uint32_t last_part;
  DeviceDeviations deviations;
};

constexpr std::uint32_t any_part = 0xffffffff;
constexpr DeviceDeviations unknown{"unknown", true, 64, 14, 7, 6, 8u << 20, true};

constexpr std::array table{
    // rdma_rxe: RXE_VENDOR_ID. 220 of the 512 B that it grants, as the adapters.
    Row{0xffffff, 0, any_part, {"Soft-RoCE", false, 220, 16, 6, 6, 1u << 20, false}},
    // siw, software iWARP (SIW_VENDOR_ID)
    Row{0x626d74, 0, any_part, {"siw", false, 220, 16, 6, 6, 1u << 20, false}},
    // ConnectX-3 and before (mlx4) end at part 4107; Connect-IB, ConnectX-4 and later and BlueField are mlx5.
    Row{0x02c9, 4113, any_part, {"mlx5", true, 220, 14, 7, 6, 8u << 20, true}},
    Row{0x02c9, 0, 4112, {"mlx4", true, 64, 14, 7, 6, 8u << 20, false}},
    // Broadcom NetXtreme-E: at most 96 B inline.
    Row{0x14e4, 0, any_part, {"bnxt_re", true, 96, 14, 7, 6, 8u << 20, true}},
    // Intel E810: at most 101 B inline.
    Row{0x8086, 0, any_part, {"irdma", true, 96, 14, 7, 6, 8u << 20, true}},
    // HiSilicon hns: 32 B in a work request that is not extended.
    Row{0x19e5, 0, any_part, {"hns", true, 32, 14, 7, 6, 8u << 20, false}},
};

}  // namespace

const DeviceDeviations& deviations_of(std::uint32_t vendor_id, std::uint32_t vendor_part_id) {
  for (const Row& row : table) {
    if (vendor_id == row.vendor_id && vendor_part_id >= row.first_part && vendor_part_id <= row.last_part)
      return row.deviations;
  }
  return unknown;
}

}  // namespace rocekit::verbs

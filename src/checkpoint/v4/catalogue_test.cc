#include "checkpoint/v4/catalogue.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <utility>
#include <vector>

#include "checkpoint/v4/config_presets.h"

namespace hadal {
namespace {

const TensorSpec& find(const std::vector<TensorSpec>& specs, const std::string& name) {
  const auto found =
      std::find_if(specs.begin(), specs.end(), [&](const auto& spec) { return spec.name == name; });
  EXPECT_NE(found, specs.end()) << name;
  return *found;
}

std::map<DType, int> dtype_counts(const ModelConfig& config) {
  std::map<DType, int> counts;
  for (const TensorSpec& spec : catalogue(config)) ++counts[spec.dtype];
  return counts;
}

// The totals of the released checkpoints, from their own index files.
TEST(Catalogue, ReproducesTheTotalsOfPro) {
  const CatalogueTotals totals = catalogue_totals(preset_config("pro"));
  EXPECT_EQ(totals.tensors, 145'116);
  EXPECT_EQ(totals.elements, 861'608'274'846);
  EXPECT_EQ(totals.bytes, 864'704'792'696);
  EXPECT_EQ(totals.part(Part::kRoutedExperts), 822'054'223'872);
  EXPECT_EQ(totals.part(Part::kAttention), 20'264'787'840);
  EXPECT_EQ(totals.part(Part::kSharedExperts), 4'029'923'520);
  EXPECT_EQ(totals.part(Part::kGates), 354'511'872);
  EXPECT_EQ(totals.part(Part::kHyperConnections), 335'819'640);
  EXPECT_EQ(totals.part(Part::kEmbedding) + totals.part(Part::kHead), 3'706'716'160);
  EXPECT_EQ(totals.part(Part::kMtp), 13'956'587'692);
  EXPECT_EQ(totals.expert_parameters, 66'060'288);
  EXPECT_EQ(totals.expert_bytes, 35'094'528);
  EXPECT_EQ(totals.parameters, 1'572'997'201'763);
  EXPECT_EQ(totals.drafter_parameters, 25'840'145'979);
  EXPECT_EQ(totals.active_parameters, 48'852'402'019);
  EXPECT_EQ(totals.active_bytes, 39'685'220'300);
}

TEST(Catalogue, ReproducesTheTotalsOfFlash) {
  const CatalogueTotals totals = catalogue_totals(preset_config("flash"));
  EXPECT_EQ(totals.tensors, 69'187);
  EXPECT_EQ(totals.elements, 158'069'433'298);
  EXPECT_EQ(totals.bytes, 159'609'485'896);
  EXPECT_EQ(totals.part(Part::kRoutedExperts), 147'169'738'752);
  EXPECT_EQ(totals.part(Part::kAttention), 5'400'554'112);
  EXPECT_EQ(totals.part(Part::kSharedExperts), 1'082'196'480);
  EXPECT_EQ(totals.part(Part::kGates), 108'834'816);
  EXPECT_EQ(totals.part(Part::kHyperConnections), 135'275'592);
  EXPECT_EQ(totals.part(Part::kEmbedding) + totals.part(Part::kHead), 2'118'123'520);
  EXPECT_EQ(totals.part(Part::kMtp), 3'593'787'756);
  EXPECT_EQ(totals.expert_parameters, 25'165'824);
  EXPECT_EQ(totals.expert_bytes, 13'369'344);
  EXPECT_EQ(totals.parameters, 284'332'240'471);
  EXPECT_EQ(totals.drafter_parameters, 6'610'048'891);
  EXPECT_EQ(totals.active_parameters, 13'270'101'591);
}

TEST(Catalogue, CountsTheDtypesOfFlashAsReleased) {
  EXPECT_EQ(dtype_counts(preset_config("flash")), (std::map<DType, int>{{DType::kBf16, 433},
                                                                        {DType::kF32, 417},
                                                                        {DType::kF8E4m3, 375},
                                                                        {DType::kF8E8m0, 34167},
                                                                        {DType::kI64, 3},
                                                                        {DType::kI8, 33792}}));
}

TEST(Catalogue, PartsAddUpToTheWhole) {
  for (const std::string& name : preset_names()) {
    const CatalogueTotals totals = catalogue_totals(preset_config(name));
    int64_t sum = 0;
    for (const int64_t bytes : totals.part_bytes) sum += bytes;
    EXPECT_EQ(sum, totals.bytes) << name;
  }
}

TEST(Catalogue, HasTheShapesOfPro) {
  const std::vector<TensorSpec> specs = catalogue(preset_config("pro"));
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(find(specs, "layers.0.attn.wq_a.scale").shape, (Shape{12, 56}));
  EXPECT_EQ(find(specs, "layers.5.attn.wo_a.weight").shape, (Shape{16384, 4096}));
  EXPECT_EQ(find(specs, "layers.60.attn.indexer.wq_b.scale").shape, (Shape{64, 12}));
  EXPECT_EQ(find(specs, "layers.59.attn.compressor.ape").shape, (Shape{128, 512}));
  EXPECT_EQ(find(specs, "layers.58.attn.indexer.compressor.ape").shape, (Shape{4, 256}));
  EXPECT_EQ(find(specs, "layers.2.ffn.gate.tid2eid").shape, (Shape{129280, 6}));
  EXPECT_EQ(find(specs, "layers.3.ffn.gate.bias").shape, (Shape{384}));
  EXPECT_EQ(find(specs, "layers.9.ffn.experts.383.w2.weight").shape, (Shape{7168, 1536}));
  EXPECT_EQ(find(specs, "layers.9.ffn.experts.383.w2.scale").shape, (Shape{7168, 96}));
  EXPECT_EQ(find(specs, "mtp.0.hc_head_fn").shape, (Shape{4, 28672}));
  EXPECT_EQ(find(specs, "mtp.0.h_proj.weight").dtype, DType::kF8E4m3);
}

TEST(Catalogue, HasNothingOfADsparkDrafterThatIsNotDescribed) {
  ModelConfig config = preset_config("pico");
  config.drafter = DrafterKind::kDspark;
  config.drafter_stages = 3;
  for (const TensorSpec& spec : catalogue(config)) EXPECT_FALSE(spec.name.starts_with("mtp."));
}

ModelConfig with_dspark(const char* preset, std::vector<int> taps, int rank) {
  ModelConfig config = preset_config(preset);
  config.drafter = DrafterKind::kDspark;
  config.drafter_stages = 3;
  config.dspark = {
      .block_size = 5, .noise_token = 128799, .taps = std::move(taps), .markov_rank = rank};
  return config;
}

// The tensor counts and byte totals of the released indexes.
TEST(Catalogue, HasTheDsparkDraftersOfTheReleases) {
  const auto drafter = [](const ModelConfig& config) {
    std::pair<int64_t, int64_t> sums;
    for (const TensorSpec& spec : catalogue(config)) {
      if (!spec.name.starts_with("mtp.")) continue;
      ++sums.first;
      sums.second += byte_count(spec);
    }
    return sums;
  };
  const ModelConfig flash = with_dspark("flash", {40, 41, 42}, 256);
  EXPECT_EQ(drafter(flash), (std::pair<int64_t, int64_t>(4705, 10'862'838'300)));
  EXPECT_EQ(catalogue_totals(flash).tensors, 72'317);
  EXPECT_EQ(catalogue_totals(flash).bytes, 166'878'536'440);
  const ModelConfig pro = with_dspark("pro", {58, 59, 60}, 512);
  EXPECT_EQ(drafter(pro), (std::pair<int64_t, int64_t>(7009, 41'979'375'900)));
  EXPECT_EQ(catalogue_totals(pro).tensors, 149'782);
  EXPECT_EQ(catalogue_totals(pro).bytes, 892'727'580'904);
}

}  // namespace
}  // namespace hadal

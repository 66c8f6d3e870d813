/* A node's message to rank 0 as bytes: its host, then a report for each of its ranks. */
#include "mpi/machine/node_report.h"
#include "mpi/machine/host_pack.h"
#include <string.h>

void eplb_report_from_info(const eplb_rank_info_t *info, eplb_rank_report_t *report) {
  memset(report, 0, sizeof *report); /* its padding travels, too */
  report->rank = info->rank;
  report->local_rank = info->local_rank;
  report->package = info->package;
  report->numa = info->numa;
  report->num_pus = info->num_pus;
  report->device_rule = info->device_rule;
  report->device_index = info->device_index;
  report->domain_rule = info->domain_rule;
  report->partition = info->device.partition;
  report->num_partitions = info->device.num_partitions;
  report->machine = info->machine;
  report->shared_memory = info->shared_memory;
  memcpy(report->domain, info->domain, sizeof report->domain);
  memcpy(report->note, info->note, sizeof report->note);
  memcpy(report->uuid, info->device.uuid, sizeof report->uuid);
}

static void info_from_report(const eplb_rank_report_t *report, const eplb_host_t *host, eplb_rank_info_t *info) {
  *info = (eplb_rank_info_t){.rank = report->rank,
                             .local_rank = report->local_rank,
                             .package = report->package,
                             .numa = report->numa,
                             .num_pus = report->num_pus,
                             .num_accelerators = host->num_accelerators,
                             .device_rule = report->device_rule,
                             .device_index = report->device_index,
                             .domain_rule = report->domain_rule,
                             .machine = report->machine,
                             .shared_memory = report->shared_memory};
  memcpy(info->host, host->name, sizeof info->host);
  memcpy(info->domain, report->domain, sizeof info->domain);
  memcpy(info->note, report->note, sizeof info->note);
  if (report->device_index < 0)
    return;
  info->device = host->accelerator[report->device_index];
  info->device.partition = report->partition;
  info->device.num_partitions = report->num_partitions;
  memcpy(info->device.uuid, report->uuid, sizeof report->uuid);
}

size_t eplb_node_report_size(const eplb_host_t *host, int num_ranks) {
  return sizeof(int64_t) + (size_t)num_ranks * sizeof(eplb_rank_report_t) + eplb_host_pack_size(host, 0);
}

void eplb_node_report_write(const eplb_host_t *host, const eplb_rank_report_t *report, int num_ranks, char *bytes) {
  int64_t count = num_ranks;
  memcpy(bytes, &count, sizeof count);
  memcpy(bytes + sizeof count, report, (size_t)num_ranks * sizeof *report);
  eplb_host_pack_write(host, 0, bytes + sizeof count + (size_t)num_ranks * sizeof *report);
}

eplb_status_t eplb_node_report_read(const char *bytes, eplb_rank_info_t *rank, eplb_host_t **host) {
  int64_t count;
  memcpy(&count, bytes, sizeof count);
  const char *reports = bytes + sizeof count;
  eplb_host_t *h;
  eplb_status_t status = eplb_host_pack_read(reports + (size_t)count * sizeof(eplb_rank_report_t), &h);
  if (status)
    return status;
  for (int64_t i = 0; i < count; i++) {
    eplb_rank_report_t report;
    memcpy(&report, reports + (size_t)i * sizeof report, sizeof report);
    info_from_report(&report, h, &rank[report.rank]);
  }
  *host = h;
  return EPLB_SUCCESS;
}

int eplb_node_report_leader(const char *bytes) {
  eplb_rank_report_t report;
  memcpy(&report, bytes + sizeof(int64_t), sizeof report);
  return report.rank;
}

/* A session that outlives its job: placement, recent windows and the trigger's state in a file, for the next start. The
 * weights are not in it: they are in the job's checkpoint, by logical expert.
 *
 *   eplb_session_save(session, "balance.eplb");             beside each checkpoint
 *   ...
 *   eplb_session_restore(comm, &options, "balance.eplb", &session);    instead of eplb_session_create
 *   load the weights of the experts that eplb_session_slots names */
#ifndef EPLB_SAVED_H
#define EPLB_SAVED_H

#include <eplb/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the session's state. Rank 0 writes a file beside `path` and renames it, so that a crash leaves the old file or
 * the new one. The file has a version and a checksum, and is for machines of the same byte order. Collective over the
 * session's ranks; only rank 0's path is used, but no rank's may be NULL. On failure every rank returns the same:
 * EPLB_ERR_ARGUMENT; EPLB_ERR_STATE: a rebalance is open; EPLB_ERR_MISMATCH: ranks made different calls; EPLB_ERR_IO;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_save(eplb_session_t *session, const char *path);

/* Creates a session as eplb_session_create does, with the placement, windows and trigger state of a file, which rank
 * 0 reads. The job may have another number of ranks or of slots: then rank r keeps the experts that rank r had, as
 * far as it has slots, and the others get slots as eplb_placement_carry gives them. options->num_layers and
 * num_experts must be those of the file, options->initial NULL; options->history may be shorter than the file's: the
 * newest windows count. Every slot must then be filled by the job, as after eplb_session_create.
 *
 * Collective over comm. The caller owns *session. On failure every rank returns the same and *session is untouched:
 * EPLB_ERR_IO: rank 0 cannot read the file; EPLB_ERR_FORMAT: it is damaged, cut off, of another version or byte
 * order, or none of eplb_session_save; EPLB_ERR_SHAPE: it has other layers or experts, or the slots are too few;
 * else as eplb_session_create. */
EPLB_PUBLIC eplb_status_t eplb_session_restore(MPI_Comm comm, const eplb_session_options_t *options, const char *path,
                                               eplb_session_t **session);

#ifdef __cplusplus
}
#endif
#endif

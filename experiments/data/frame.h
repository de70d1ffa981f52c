#ifndef SYMO_EXPERIMENTS_DATA_FRAME_H
#define SYMO_EXPERIMENTS_DATA_FRAME_H

#include "experiments/data/data.h"
#include "io/safetensors.h"

/* What a network that was trained on data needs of them: checkpoints hold it, under the keys
 * "labels" and "inputs" of their metadata, so that other data are read in the same way.
 *   labels  ["ant", "bee"]: the classes, in the order of the outputs
 *   inputs  {"mean": [..], "scale": [..]}: input j was (x_j - mean_j) / scale_j, and 0 where scale_j
 *           is 0 */
typedef struct symo_data_frame {
  size_t num_labels, inputs;
  char **labels; /* [num_labels], one block; NULL: none */
  double *mean;  /* [2 inputs], mean and scale; NULL: inputs as they are */
} symo_data_frame;

void symo_data_frame_drop(symo_data_frame *frame); /* {0} is accepted */

/* The classes "0" to "count - 1". */
symo_status symo_data_frame_number(symo_context *context, size_t count, symo_data_frame *frame);

/* Means and standard deviations of the inputs, divided by the number of examples; 0 for a column
 * whose numbers differ by rounding only.  SYMO_E_NONFINITE where they are beyond float64. */
symo_status symo_data_frame_measure(symo_context *context, const char *where,
                                    const symo_dataset *data, symo_data_frame *frame);

/* Of `what` in place, where the frame has means; SYMO_E_SHAPE for other numbers of inputs. */
symo_status symo_data_frame_apply(symo_context *context, const char *where,
                                  const symo_data_frame *frame, symo_dataset *data);

/* The two texts, NULL where there is nothing to say (free). */
symo_status symo_data_frame_to_json(symo_context *context, const symo_data_frame *frame,
                                    char **labels, char **inputs);

/* From the metadata of a file; {0} where it has neither. */
symo_status symo_data_frame_read(symo_context *context, const char *path,
                                 const symo_safetensors *file, symo_data_frame *out);

#endif

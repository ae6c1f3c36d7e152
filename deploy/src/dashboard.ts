import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATA_SOURCE, type PlaceablePanel } from './panels.js';

/** Links every dashboard to the others. */
const TAG = 'semcast';

export interface Section {
  readonly title: string;
  readonly panels: readonly PlaceablePanel[];
}

export interface DashboardOptions {
  /** Its address in Grafana, and the name of its file: `semcast-overview`. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Whether there is a choice of decoders: queries then select `decoder=~"$decoder"`. Default false. */
  readonly byDecoder?: boolean;
  readonly sections: readonly Section[];
}

/** The label values that Grafana offers for `$decoder`. */
export const DECODER_VALUES = 'label_values(semcast_end_to_end_latency_seconds_count, decoder)';

/** A dashboard of rows, each a section; panels fill a row from the left. */
export function createDashboard({ uid, title, description, byDecoder = false, sections }: DashboardOptions): Dashboard {
  const builder = new DashboardBuilder(`semcast: ${title}`)
    .uid(uid)
    .description(description)
    .tags([TAG])
    // What is changed in Grafana would be lost: the sources are what makes it.
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-15m', to: 'now' })
    .timezone('browser')
    .refresh('5s')
    .link(
      new DashboardLinkBuilder('semcast')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(false)
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  if (byDecoder) {
    builder.withVariable(
      new QueryVariableBuilder('decoder')
        .label('decoder')
        .datasource(DATA_SOURCE)
        .query({ query: DECODER_VALUES, refId: 'decoder' })
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .sort(VariableSort.AlphabeticalAsc)
        .multi(true)
        .includeAll(true)
        .allValue('.+')
        .current({ selected: true, text: 'All', value: '$__all' }),
    );
  }
  let id = 1;
  for (const section of sections) {
    builder.withRow(new RowBuilder(section.title).id(id++));
    for (const panel of section.panels) {
      panel.id(id++);
      builder.withPanel(panel);
    }
  }
  return builder.build();
}

package documents

// IsNews reports whether a prepared page is taken for news.
func (p *Page) IsNews() bool { return p.ready != nil && p.ready.news }

// ExpectNews makes the next page of a DocType be taken for news.
func (s *Service) ExpectNews(docType string) {
	for !s.outlook.News(docType) {
		s.outlook.Saw(docType, true, false)
	}
}

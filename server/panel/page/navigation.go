package page

import "dochook/server/access"

// Item is an entry of the navigation.
type Item struct {
	Section, Title, URL string
	Current             bool
}

// sections are the entries of the navigation in their order, and the role from
// which on they are of use. An entry is shown once its pages are there.
func sections() []struct {
	name, title, url string
	role             access.Role
} {
	return []struct {
		name, title, url string
		role             access.Role
	}{
		{"overview", "Overview", Root, access.RoleReader},
		{"documents", "Documents", Path("documents"), access.RoleReader},
		{"webhooks", "Webhooks", Path("webhooks"), access.RoleAdmin},
		{"deliveries", "Deliveries", Path("deliveries"), access.RoleAdmin},
		{"scraping", "Scrapers", Path("scrapers"), access.RoleReader},
		{"keys", "Keys", Path("keys"), access.RoleAdmin},
		{"system", "System", Path("system"), access.RoleAdmin},
	}
}

func (s *Set) navigation(role access.Role, current string) []Item {
	var items []Item
	for _, row := range sections() {
		if s.sections[row.name] && role.Includes(row.role) {
			items = append(items, Item{row.name, row.title, row.url, row.name == current})
		}
	}
	return items
}
